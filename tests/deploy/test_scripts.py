"""Shell and systemd: what their own checkers say."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.deploy.files import DEPLOY, ROOT, tool

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
BIN = "/opt/idsweep/bin/"


@pytest.mark.parametrize("path", sorted(ROOT.glob("deploy/**/*.sh")), ids=lambda path: path.name)
def test_shell_scripts_are_sound(path):
    subprocess.run(["bash", "-n", path], check=True)
    tool("shellcheck", path)
    assert "set -euo pipefail" in path.read_text()


@pytest.fixture(scope="module")
def analyze():
    """systemd-analyze, on units whose programs and user are there."""
    program = shutil.which("systemd-analyze")
    if not program:
        if os.environ.get("IDSWEEP_ALL_TESTS"):
            pytest.fail("needs systemd-analyze: apt-get install systemd")
        pytest.skip("needs systemd-analyze: apt-get install systemd")

    def run(folder, *arguments):
        here = str(sys.prefix) + "/bin/"
        for path in (DEPLOY / "systemd").iterdir():
            if path.suffix in (".service", ".timer"):
                text = path.read_text().replace(BIN, here).replace("User=idsweep", "User=daemon")
                (folder / path.name).write_text(text)
        return subprocess.run([program, *arguments], capture_output=True, text=True, cwd=folder)

    return run


def test_systemd_would_take_the_units(analyze, tmp_path):
    names = [path.name for path in (DEPLOY / "systemd").iterdir() if path.suffix != ".example"]
    done = analyze(tmp_path, "verify", *(f"./{name}" for name in names))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not [line for line in done.stderr.splitlines() if "idsweep-" in line], done.stderr


def test_systemd_sees_mistakes(analyze, tmp_path):
    analyze(tmp_path, "--version")
    path = tmp_path / "idsweep-mlflow.service"
    path.write_text(path.read_text().replace("Restart=", "Restrat="))
    done = subprocess.run(
        ["systemd-analyze", "verify", path], capture_output=True, text=True, cwd=tmp_path
    )
    assert "Restrat" in done.stderr


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_run_as_a_user_and_can_write_nowhere_else(path):
    text = path.read_text()
    assert "User=idsweep\n" in text
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "UMask=0077"):
        assert f"\n{line}\n" in text
    assert "0.0.0.0" not in text


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_secrets_of_units_are_in_a_file_of_their_own(path):
    text = path.read_text()
    assert re.search(r"^EnvironmentFile=/etc/idsweep/\w+\.env$", text, re.MULTILINE)
    assert not re.search(r"(?i)(PASSWORD|SECRET\w*|ACCESS_KEY|AUTH_TOKEN)=", text)


@pytest.mark.parametrize("name", ["mlflow", "ray"])
def test_examples_hold_no_secret(name):
    text = (DEPLOY / "systemd" / f"{name}.env.example").read_text()
    for line in text.splitlines():
        variable, _, value = line.lstrip("# ").partition("=")
        if re.fullmatch(r"\w*(PASSWORD|SECRET\w*|ACCESS_KEY)", variable):
            assert value == ""


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_ray_starts_with_a_token_and_its_options_exist(kind):
    text = (DEPLOY / "systemd" / f"idsweep-ray-{kind}.service").read_text()
    assert "RAY_AUTH_MODE=token" in text
    (start,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    shown = tool("ray", "start", "--help")
    assert all(option in shown for option in re.findall(r"--[\w-]+", start))
    assert ("--num-cpus=0" in start) == (kind == "head")
    assert re.findall(r"--dashboard-host=(\S+)", start) == (["127.0.0.1"] if kind == "head" else [])
