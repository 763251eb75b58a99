"""Trials that go wrong beside others that don't: told why, and in nobody's way."""

import pytest

from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.sweepfile import parse_sweep
from sweep.work import read_failure

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SWEEP = """
name: poison
training: {epochs: 1, batch_size: 256}
measure: {num_samples: 100, untrained: false, actors: 1}
resources: {max_minutes_without_progress: 0.25}
space:
  - model.name: {grid: [NAMES]}
  - model.name: mlp
    model.width: {grid: [4, 8]}
    model.depth: 1
    training.seed: {grid: [0, 1]}
"""
FILE = "tests.recovery.poison_networks"
# Kind and words of the reason, and the stage. What can be helped is tried twice here.
EXPECTED = {
    "hangs": ("train", "hang", "it stood still for 0.25 minutes and was ended"),
    "raises": ("train", "error", "KeyError: "),
    "hoards": ("train", "memory", "(2 attempts)"),
    "dies": ("train", "died", "its process died 2 times"),
    "hangs_when_measured": ("measure", "hang", "it stood still for 0.25 minutes"),
    "dies_when_measured": ("measure", "died", "its process died 2 times"),
}


def sweep(names, name="poison"):
    text = SWEEP.replace("NAMES", ", ".join(f'"{FILE}:{one}"' for one in names))
    return parse_sweep(text.replace("name: poison", f"name: {name}", 1), name)


def test_each_is_told_with_its_reason_and_the_others_are_whole(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("sweep.training.tune.WORKER_RETRIES", 1)
    monkeypatch.setattr("sweep.measuring.actors.ACTOR_RETRIES", 1)
    storage = open_storage(tmp_path / "storage", create=True)
    lines = []
    result = run_sweep(sweep(EXPECTED), storage, cluster, PlainProgress(lines.append))
    work = result.results.work
    told = {}
    for trial in result.results.trials:
        name = trial.config.model.name.rpartition(":")[2]
        if name in EXPECTED:
            told[name] = result.failures[trial.name]
            assert read_failure(work.paths(trial)) == told[name]
    for name, (stage, kind, words) in EXPECTED.items():
        failure = told[name]
        assert (failure.stage, failure.kind) == (stage, kind), failure
        assert words in failure.reason
        assert "\n" not in failure.reason
    assert "_stand_still" in told["hangs"].details
    assert "_stand_still" in told["hangs_when_measured"].details
    assert len([line for line in lines if line.startswith("failed: ")]) == len(EXPECTED)
    assert len(result.results.results) == 4
    alone = open_storage(tmp_path / "alone", create=True)
    healthy = parse_sweep(SWEEP.replace("  - model.name: {grid: [NAMES]}\n", ""), "poison")
    run_sweep(healthy, alone, LocalProcess(), SilentProgress())
    exported = []
    for one in (storage, alone):
        export_rows(one, "poison", tmp_path / "rows.parquet")
        exported.append((tmp_path / "rows.parquet").read_bytes())
    assert exported[0] == exported[1]
