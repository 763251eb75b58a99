"""Shared by the tests: tiny sweeps, and one that has been run."""

import pytest
import torch

from sweep.execution import LocalProcess
from sweep.paths import claim_storage, open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.sweepfile import load_sweep


def pytest_collection_modifyitems(items):
    """Fast ones first: what starts Ray comes last. What needs a GPU runs where there is one."""
    items.sort(key=lambda item: item.get_closest_marker("ray") is not None)
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))


TINY = """
name: tiny
description: Two families, two widths, two noise levels, two seeds.
training: {epochs: 1, batch_size: 256}
measure: {num_samples: 100}
regression: {resamples: 200}
space:
  - model.name: {grid: [mlp, cnn]}
    model.width: {grid: [4, 8]}
    model.depth: 1
    training.label_noise: {grid: [0, 1]}
    training.seed: {grid: [0, 1]}
"""


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweeps") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def finished(tiny_file, tmp_path_factory):
    """The tiny sweep run whole in this process, with MLflow on SQLite. Don't change it."""
    storage = open_storage(tmp_path_factory.mktemp("finished") / "storage", create=True)
    return run_sweep(load_sweep(tiny_file), storage, LocalProcess(), SilentProgress())


@pytest.fixture
def storage(tmp_path):
    """An empty storage."""
    folder = open_storage(tmp_path / "storage", create=True)
    claim_storage(folder)
    return folder
