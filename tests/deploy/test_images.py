"""The image file, as hadolint and the design want it; building it needs Docker."""

import re
import tomllib

from tests.deploy.files import DEPLOY, ROOT, tool

TEXT = (DEPLOY / "Dockerfile").read_text()
STAGES = {
    match.group(1): match.group(2)
    for match in re.finditer(
        r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}


def test_hadolint_finds_nothing():
    tool("hadolint", DEPLOY / "Dockerfile")


def test_each_image_runs_as_a_user_and_says_how_it_is():
    assert set(STAGES) == {"base", "mlflow", "idsweep"}
    for name in ("mlflow", "idsweep"):
        stage = STAGES[name]
        assert re.findall(r"^USER (\S+)$", stage, re.MULTILINE) == ["1000:1000"]
        # Nothing is installed as that user, nor run as root afterwards.
        assert "RUN" not in stage.partition("USER")[2]
        assert "HEALTHCHECK" in stage
        assert "CMD [" in stage.rpartition("HEALTHCHECK")[2]


def test_no_secret_goes_in():
    assert not re.search(r"(?i)(password|secret_key|access_key|auth_token)\s*=", TEXT)
    assert "ARG" not in TEXT.partition("FROM")[2]


def test_the_build_sees_what_it_copies_and_no_more():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    seen = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (.*)$", TEXT, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == seen
    assert all((ROOT / path).exists() for path in seen)


def test_all_that_the_package_needs_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    for name in needed | {package.removesuffix("*") for package in packages}:
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", STAGES["idsweep"], re.MULTILINE), name
    extras = re.search(r'"\.\[([\w,]+)\]"', STAGES["idsweep"]).group(1).split(",")
    assert set(extras) <= set(project["project"]["optional-dependencies"])


def test_everything_demands_the_token():
    assert "RAY_AUTH_MODE=token" in STAGES["idsweep"]
