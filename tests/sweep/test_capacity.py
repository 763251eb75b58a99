"""What a cluster may grow to counts, and is told in numbers."""

from pathlib import Path

import pytest
import yaml

from sweep import autoscaler
from sweep.autoscaler import autoscaling_config
from sweep.capacity import Capacity, Node, check_capacity, with_autoscaler
from sweep.config import SweepConfig
from sweep.errors import UserError

FILE = Path(__file__).parents[2] / "ray_cluster.yaml"
HEAD = Capacity((Node(0.0),), "the cluster at h:6379 with 1 node now")


def sweep(**settings):
    return SweepConfig.model_validate({"name": "s", **settings})


@pytest.fixture
def config(tmp_path, monkeypatch):
    """As the head finds it: in the file that its monitor was started with."""
    monkeypatch.setattr(autoscaler, "PROCESSES", tmp_path)
    for number, words in (
        (1, ["python", "monitor.py", f"--autoscaling-config={tmp_path / 'gone.yaml'}"]),
        (2, ["vi", f"--autoscaling-config={FILE}"]),
        (3, ["python", "/lib/ray/monitor.py", f"--autoscaling-config={FILE}"]),
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_text("\0".join(words))
    return autoscaling_config()


def test_a_cluster_without_workers_takes_what_its_autoscaler_may_add(config):
    assert config["max_workers"] == yaml.safe_load(FILE.read_text())["max_workers"]
    with pytest.raises(UserError, match="with 1 node now has 0"):
        check_capacity(sweep(), HEAD)
    check_capacity(sweep(), with_autoscaler(HEAD, config))
    check_capacity(sweep(resources={"cpus": 8, "gpus": 1}), with_autoscaler(HEAD, config))


def test_what_it_may_never_have_is_refused_with_its_limits(config):
    most = with_autoscaler(HEAD, config)
    with pytest.raises(UserError) as caught:
        check_capacity(sweep(measure={"gpus_per_actor": 2}), most)
    text = str(caught.value)
    assert "whose autoscaler adds at most 4 cpu_worker of 8 CPUs and 0 GPUs" in text
    assert "2 gpu_worker of 8 CPUs and 1 GPUs" in text
    # Six workers of 8 CPUs in all: actors that reserve 48 leave none for a trial.
    with pytest.raises(UserError, match="48 of the 48 CPUs"):
        check_capacity(sweep(measure={"actors": 48, "cpus_per_actor": 1}), most)


def test_the_limit_of_all_types_together_holds(config):
    most = with_autoscaler(HEAD, config | {"max_workers": 1})
    assert most.total([node.cpus for node in most.nodes]) == 8
    with pytest.raises(UserError, match="1 in all"):
        check_capacity(sweep(resources={"cpus": 9}), most)


def test_where_there_is_no_autoscaler_nothing_is_added(tmp_path, monkeypatch):
    monkeypatch.setattr(autoscaler, "PROCESSES", tmp_path)
    assert autoscaling_config() is None
    assert with_autoscaler(HEAD, None) is HEAD
