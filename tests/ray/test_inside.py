"""Several workers train one network, and members of a population replace each other, on Ray."""

import pytest
import torch

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
model: {name: mlp, width: 4, batch_norm: false}
training:
  epochs: 3
  optimizer: sgd
  learning_rate: 0.05
  augmentation: crop
  label_noise: 0.2
  num_images: 301
  accumulate: 2
measure: {untrained: false, epochs: [0, 1.5], num_samples: 64}
analyses: {intrinsic: {estimators: [twonn]}}
space:
  - training.seed: {grid: [0, 1]}
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


def test_two_workers_seal_what_one_seals(cluster, tmp_path):
    # Two such trials on two cores: each holds both, so one waits, and neither for ever.
    one, _ = run(DISTRIBUTED, tmp_path / "one", cluster)
    two, lines = run(DISTRIBUTED, tmp_path / "two", cluster, "resources.workers=2")
    assert two.failures == {}, lines
    assert len(two.results.results) == 2
    expected, found = weights_of(one), weights_of(two)
    assert expected.keys() == found.keys()
    for key, state in expected.items():
        for name, tensor in state.items():
            torch.testing.assert_close(found[key][name], tensor, rtol=1e-3, atol=1e-4)
    for a, b in zip(one.results.results, two.results.results, strict=True):
        for record, same in zip(a.history, b.history, strict=True):
            assert record == pytest.approx(same, rel=1e-3)
