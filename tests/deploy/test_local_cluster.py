"""deploy/ray_cluster.local.yaml: own machines by ssh, valid for Ray and as safe as on AWS."""

import ipaddress
import re
import subprocess
from pathlib import Path

import pytest
import ray
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.deploy.files import DEPLOY, ROOT

TEXT = (DEPLOY / "ray_cluster.local.yaml").read_text()
CLUSTER = yaml.safe_load(TEXT)
AWS = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
STARTS = CLUSTER["head_start_ray_commands"] + CLUSTER["worker_start_ray_commands"]


def test_ray_accepts_it_here_and_again_on_the_head():
    prepared = prepare_config(CLUSTER)
    validate_config(prepared)
    validate_config(prepare_config(prepared))
    (node,) = prepared["available_node_types"].values()
    assert node["min_workers"] == node["max_workers"] == len(CLUSTER["provider"]["worker_ips"])


def test_every_section_is_stated_and_no_other():
    defaults = Path(ray.__file__).parent / "autoscaler" / "local" / "defaults.yaml"
    stated = set(yaml.safe_load(defaults.read_text())) | {"max_workers", "provider"}
    assert set(CLUSTER) == stated


def test_nobody_has_the_machines_until_they_are_set():
    provider = CLUSTER["provider"]
    documentation = ipaddress.ip_network("192.0.2.0/24")
    for address in [provider["head_ip"], *provider["worker_ips"]]:
        assert ipaddress.ip_address(address) in documentation
    assert CLUSTER["max_workers"] == len(provider["worker_ips"])


def test_no_trial_runs_on_the_head():
    start = CLUSTER["head_start_ray_commands"][-1]
    assert "--num-cpus=0" in start
    assert "--num-gpus=0" in start


def test_the_autoscaler_is_the_one_that_starts_own_machines():
    """Ray 2.60's newer one, tried by ssh, adds the same node for ever and starts none."""
    start = CLUSTER["head_start_ray_commands"][-1]
    assert "RAY_enable_autoscaler_v2=0;" in start


@pytest.mark.parametrize("command", STARTS)
def test_ray_demands_a_token_and_the_dashboard_is_on_loopback(command):
    assert command.startswith("export RAY_AUTH_MODE=token")
    hosts = re.findall(r"--dashboard-host[= ](\S+)", command)
    assert hosts == (["127.0.0.1"] if "--head" in command else [])
    assert "0.0.0.0" not in TEXT


def test_what_is_mounted_and_installed_is_that_of_aws():
    assert CLUSTER["file_mounts"] == AWS["file_mounts"]
    for command in CLUSTER["setup_commands"]:
        assert command in AWS["setup_commands"]


@pytest.mark.parametrize(
    "command",
    [c for name, commands in CLUSTER.items() if name.endswith("_commands") for c in commands],
)
def test_every_command_is_shell(command):
    subprocess.run(["bash", "-n", "-c", command], check=True)
