"""Versions stand in constraints.txt and deploy/versions.env, and every file has the same."""

import re
import tomllib

import pytest
import yaml

from tests.deploy.files import DEPLOY, ROOT, documents, pinned, text_files, versions

IMAGE = re.compile(r"\bimage: (?:&\w+ )?(\S+)")
OURS = ("IDSWEEP_IMAGE", "MLFLOW_IMAGE")


def test_every_version_is_exact():
    for name, version in versions().items():
        assert not version.endswith(("latest", "nightly")), name
        assert re.search(r"\d+\.\d+", version.rpartition(":")[2]), name
        assert name in ("KUBERAY", "KUBERNETES") or ":" in version, name


def test_our_images_are_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in OURS:
        assert versions()[name].endswith(f":{project}")


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.yaml")), ids=lambda path: path.name)
def test_images_are_the_pinned_ones(path):
    known = {version for name, version in versions().items() if name.endswith("IMAGE")}
    named = [name for name in IMAGE.findall(path.read_text()) if not name.startswith("*")]
    assert set(named) <= known
    assert named or path.name in ("namespace.yaml", "ray_cluster.local.yaml")


def test_each_image_is_used():
    everything = "\n".join(path.read_text() for path in text_files() if path.suffix != ".env")
    for name, version in versions().items():
        if name.endswith("IMAGE"):
            assert version in everything, name


def test_ray_is_the_same_everywhere():
    ray = pinned()["ray"]
    found = {}
    for path in text_files():
        for version in re.findall(r"\bray\[[^]]*\]==([\w.]+)", path.read_text()):
            found.setdefault(version, []).append(path.name)
    assert set(found) == {ray}
    files = {name for names in found.values() for name in names}
    assert files >= {"Dockerfile", "ray_cluster.yaml", "ray_cluster.local.yaml", "README.md"}
    assert documents("raycluster.yaml")[0]["spec"]["rayVersion"] == ray
    assert documents("rayjob.yaml")[0]["spec"]["rayClusterSpec"]["rayVersion"] == ray


def test_the_dockerfile_begins_from_the_pinned_image():
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE) == [
        versions()["PYTHON_IMAGE"]
    ]
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON_IMAGE}", "base", "base"]
    for command in re.findall(r"^RUN pip install (.*)$", text, re.MULTILINE):
        assert command.startswith(("-c constraints.txt ", "--no-deps ")), command


def test_the_readme_names_kuberay_as_pinned():
    text = (DEPLOY / "README.md").read_text()
    assert re.findall(r"kuberay-operator --version (\S+)", text) == [versions()["KUBERAY"]]


def test_the_compose_file_names_nothing_but_services():
    services = yaml.safe_load((DEPLOY / "mlflow" / "compose.yaml").read_text())["services"]
    assert all("build" not in service for service in services.values())
