"""The compose file: valid, closed to the outside, and its secrets nowhere but in .env."""

import re
import stat
import subprocess

import compose_spec
import pytest
import yaml

from tests.deploy.files import DEPLOY, ROOT, compose, fresh_environment, tool

FILE = DEPLOY / "mlflow" / "compose.yaml"


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(compose()[1])["services"]


def parse(text):
    # Its own merging of "<<" is left aside: PyYAML's is as good, and is what is read here.
    return compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text)))


def test_compose_would_take_it():
    parse(compose()[1]).validate()


def test_the_validator_sees_mistakes():
    with pytest.raises(ValueError, match="cap_dropp"):
        parse(compose()[1].replace("cap_drop", "cap_dropp"))


def test_the_linter_of_security_finds_nothing_grave(tmp_path):
    text = FILE.read_text().replace("${OBJECTS_FOLDER:?see make_env.sh}", "/srv/objects")
    (tmp_path / "compose.yaml").write_text(text)
    tool("compose-lint", "check", tmp_path / "compose.yaml")


def test_only_mlflow_can_be_reached_and_from_this_machine_alone(services):
    assert services["mlflow"]["ports"] == ["127.0.0.1:5000:5000"]
    assert all("ports" not in service for name, service in services.items() if name != "mlflow")
    networks = yaml.safe_load(FILE.read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    for name, service in services.items():
        assert ("outside" in service["networks"]) == (name == "mlflow")


def test_no_service_is_root_or_may_become_it(services):
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        # Ours say in the image who they run as.
        assert service.get("user", "0") != "0" or service["image"].startswith("idsweep-mlflow:")


def test_what_goes_on_has_a_health_and_comes_back(services):
    for name in ("postgres", "objects"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
        assert services[name]["restart"] == "unless-stopped"
    assert services["mlflow"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_every_variable_is_made_and_every_secret_is_fresh():
    first, second = fresh_environment(), fresh_environment()
    wanted = set(re.findall(r"\$\{(\w+):\?", FILE.read_text()))
    assert wanted == set(first)
    secrets = {name for name in first if first[name] != second[name]}
    assert secrets == {
        "PGPASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_AUTH_ADMIN_PASSWORD",
        "MLFLOW_FLASK_SERVER_SECRET_KEY",
    }
    values = [first[name] for name in sorted(secrets)]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in values)


def test_hosts_are_added_and_nonsense_is_refused():
    assert fresh_environment("ml.example.org")["MLFLOW_SERVER_ALLOWED_HOSTS"].endswith(
        ",ml.example.org"
    )
    command = [DEPLOY / "mlflow" / "make_env.sh", "a b\nX=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "NAME:PORT" in done.stderr


def test_git_would_not_take_the_secrets():
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "deploy/mlflow/.env"], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0
    assert (DEPLOY / "mlflow" / "make_env.sh").stat().st_mode & stat.S_IXUSR
