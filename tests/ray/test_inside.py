"""Several workers train one network, and members of a population replace each other, on Ray."""

import contextlib
import json
import os
import signal
import threading
import time

import psutil
import pytest
import ray
import torch

from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress
from sweep.sweepfile import parse_sweep
from sweep.training.checkpoints import load_checkpoint

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets and pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DISTRIBUTED = """
name: together
model: {name: mlp, width: 16, depth: 1, batch_norm: false}
training:
  epochs: 4
  optimizer: sgd
  augmentation: crop
  label_noise: 0.2
  num_images: 301
  accumulate: 2
stop: {test_loss: 1.8}  # between those of the second epoch and the third
measure: {untrained: false, epochs: [0, 1.5], num_samples: 64}
analyses: {intrinsic: {estimators: [twonn]}}
space:
  - training.learning_rate: {grid: [0.3, 1.0e+30]}
"""

# Two have absurd learning rates.
POPULATION = """
name: population
model: {name: mlp, width: 4}
training: {epochs: 4, optimizer: sgd, num_images: 300}
scheduler:
  name: pbt
  mutations: {training.learning_rate: {loguniform: [0.01, 0.5]}}
measure: {untrained: false, epochs: [2], num_samples: 64}
analyses: {intrinsic: {estimators: [twonn]}}
space:
  - training.learning_rate: {grid: [0.2, 0.3, 1.0e-7, 1.0e+30]}
"""


def run(text, folder, cluster, *overrides):
    lines = []
    storage = open_storage(folder, create=True)
    result = run_sweep(
        parse_sweep(text, "s", list(overrides)), storage, cluster, PlainProgress(lines.append)
    )
    return result, lines


def weights_of(result):
    work = result.results.work
    return {
        (each.trial.key, epoch.epoch): load_checkpoint(
            epoch, work.data, work.paths(each.trial)
        ).state_dict()
        for each in result.results.results
        for epoch in each.trial.checkpoints
    }


def kill_once(name, killed, over):
    """SIGKILL the first Ray worker whose title holds `name`."""
    while not killed and not over.is_set():
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if name in " ".join(process.cmdline()) and not killed:
                    killed.append(process.pid)
                    os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.02)


def test_two_workers_seal_what_one_seals(cluster, tmp_path):
    one, _ = run(DISTRIBUTED, tmp_path / "one", LocalProcess())
    killed, over = [], threading.Event()
    killer = threading.Thread(target=kill_once, args=("RayTrainWorker", killed, over))
    killer.start()
    # Two such trials on two cores: each takes both, so one waits, and neither for ever.
    two, lines = run(DISTRIBUTED, tmp_path / "two", cluster, "resources.workers=2")
    over.set()
    killer.join()
    assert len(killed) == 1
    assert [each.trial.stopped for each in two.results.results] == ["stop"], lines
    expected, found = weights_of(one), weights_of(two)
    assert [epoch for _, epoch in expected] == [0, 1.5, 3]
    assert expected.keys() == found.keys()
    for key, state in expected.items():
        for name, tensor in state.items():
            torch.testing.assert_close(found[key][name], tensor, rtol=1e-3, atol=1e-4)
    (a,), (b,) = one.results.results, two.results.results
    for record, same in zip(a.history, b.history, strict=True):
        assert record == pytest.approx(same, rel=1e-3)
    (failure,), (same,) = one.failures.values(), two.failures.values()
    assert "the loss is not finite in epoch 1" in failure.reason
    assert failure.reason.partition("(")[0] == same.reason.partition("(")[0]
    # Nothing is left that holds a core.
    assert ray.available_resources()["CPU"] == ray.cluster_resources()["CPU"]


def test_a_population_on_ray_is_that_of_the_plain_loop(cluster, tmp_path):
    found = []
    for name, where in (("ray", cluster), ("loop", LocalProcess())):
        result, lines = run(POPULATION, tmp_path / name, where)
        assert result.failures == {}, lines
        work = result.results.work
        (decided,) = {json.dumps(_exploits(work, each.trial)) for each in result.results.results}
        assert "from_name" in decided
        export_rows(work.storage, "population", tmp_path / f"{name}.parquet")
        found.append((decided, (tmp_path / f"{name}.parquet").read_bytes()))
    assert found[0] == found[1]


def _exploits(work, trial):
    folder = work.sweep_paths.exchanges(trial.population)
    return [json.loads(file.read_text())["exploits"] for file in sorted(folder.iterdir())]
