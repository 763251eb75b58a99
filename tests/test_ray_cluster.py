"""ray_cluster.yaml: valid for Ray, and right where Ray's validator doesn't look."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import ray
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from sweep.capacity import Capacity, Node, check_capacity, with_autoscaler
from sweep.config import SweepConfig
from sweep.errors import UserError

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ray_cluster.yaml").read_text()
CLUSTER = yaml.safe_load(TEXT)
TYPES = CLUSTER["available_node_types"]
WORKERS = {name: node for name, node in TYPES.items() if name != CLUSTER["head_node_type"]}
COMMANDS = [
    command
    for section, commands in CLUSTER.items()
    if section.endswith("_commands")
    for command in commands
]
STARTS = CLUSTER["head_start_ray_commands"] + CLUSTER["worker_start_ray_commands"]


def test_ray_accepts_it_here_and_again_on_the_head():
    prepared = prepare_config(CLUSTER)
    validate_config(prepared)
    validate_config(prepare_config(prepared))


def test_every_section_is_stated_and_no_other():
    defaults = Path(ray.__file__).parent / "autoscaler" / "aws" / "defaults.yaml"
    assert set(CLUSTER) == set(yaml.safe_load(defaults.read_text()))
    assert not {"head_node", "worker_nodes", "min_workers"} & set(CLUSTER)


def test_no_trial_runs_on_the_head():
    head = TYPES[CLUSTER["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert (head["min_workers"], head["max_workers"]) == (0, 0)


def test_workers_start_at_zero_and_each_type_can_reach_its_most():
    assert set(WORKERS) == {"cpu_worker", "gpu_worker"}
    for node in WORKERS.values():
        assert node["min_workers"] == 0 < node["max_workers"]
        assert node["resources"]["CPU"] >= 1
    assert CLUSTER["max_workers"] == sum(node["max_workers"] for node in WORKERS.values())
    assert "GPU" not in WORKERS["cpu_worker"]["resources"]
    assert WORKERS["gpu_worker"]["resources"]["GPU"] == 1


def test_idle_nodes_go_for_good():
    assert 0 < CLUSTER["idle_timeout_minutes"] <= 60
    assert CLUSTER["provider"]["cache_stopped_nodes"] is False


def test_all_nodes_have_the_same_image():
    assert len({node["node_config"]["ImageId"] for node in TYPES.values()}) == 1


@pytest.mark.parametrize("command", STARTS)
def test_ray_demands_a_token_wherever_it_is_started(command):
    assert command.startswith("export RAY_AUTH_MODE=token")
    assert command.count("RAY_AUTH_MODE") == 1
    assert "--system-config" not in command


def test_head_and_workers_are_stopped_then_started():
    for kind in ("head", "worker"):
        stop, start = CLUSTER[f"{kind}_start_ray_commands"]
        assert "ray stop" in stop
        assert "ray start" in start


def test_dashboard_listens_on_loopback_alone():
    for start in STARTS:
        found = re.findall(r"--dashboard-host[= ](\S+)", start)
        assert found == (["127.0.0.1"] if "--head" in start else [])
    assert "0.0.0.0" not in TEXT


def test_every_node_has_the_token_and_nobody_else_may_read_it():
    assert CLUSTER["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert CLUSTER["setup_commands"][0] == "chmod 600 ~/.ray/auth_token"
    assert not re.search(r"\b[0-9a-f]{32,}\b|AKIA|RAY_AUTH_TOKEN|BEGIN", TEXT)


def test_ray_is_the_version_that_is_tested_here():
    versions = re.findall(r"ray(?:\[[^]]*\])?==([\w.]+)", TEXT)
    assert versions == [ray.__version__]
    constraints = (ROOT / "constraints.txt").read_text()
    assert re.findall(r"(?m)^ray==([\w.]+)", constraints) == versions
    assert all("ray-wheels" not in command and "http" not in command for command in COMMANDS)


def test_mounted_is_what_an_installation_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {name.removesuffix("*") for name in packages}
    needed |= {"pyproject.toml", project["project"]["readme"], "constraints.txt"}
    needed |= set(project["project"]["license-files"])
    mounts = {to: of for to, of in CLUSTER["file_mounts"].items() if to.startswith("~/idsweep/")}
    assert set(mounts.values()) == needed
    assert all(to == f"~/idsweep/{of}" for to, of in mounts.items())
    assert all((ROOT / of).exists() for of in mounts.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shell(command):
    subprocess.run(["bash", "-n", "-c", command], check=True)


@pytest.mark.parametrize(("gpus", "fits"), [(1, True), (2, True), (3, False)])
def test_a_sweep_is_held_against_what_the_autoscaler_may_add(gpus, fits):
    """Nobody need ask for a first worker by hand: the cluster starts with none."""
    config = SweepConfig.model_validate({"name": "x", "resources": {"cpus": 2, "gpus": gpus}})
    now = Capacity((Node(0.0),), "the cluster")
    with pytest.raises(UserError):
        check_capacity(config, now)
    grown = with_autoscaler(now, prepare_config(CLUSTER))
    if fits:
        check_capacity(config, grown)
    else:
        with pytest.raises(UserError, match=r"resources\.workers.*2 gpu_worker of 8 CPUs"):
            check_capacity(config, grown)
