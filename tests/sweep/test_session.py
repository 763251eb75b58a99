"""Rows don't depend on the way: memory or disk, passes, parts, tiles, or who did which unit."""

import math
import random
import shutil
import sys

import pytest
import torch

import sweep.measuring.plan
from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.errors import TrialFailure
from sweep.measuring.measure import measure_trial
from sweep.measuring.plan import Plan
from sweep.measuring.sealed import is_measured, read_measurements
from sweep.measuring.session import Session
from sweep.results import rows_digest
from sweep.space import make_trials
from sweep.training.trainer import train_trial


def make_config(**measure):
    measure = {"num_samples": 200, "batch_size": 32, "part_images": 64} | measure
    return SweepConfig.model_validate(
        {"name": "m", "model": {"name": "cnn"}, "training": {"epochs": 0}, "measure": measure}
    )


class Case:
    """One network at initialization in a storage."""

    def __init__(self, storage, config=None):
        self.config = config or make_config()
        self.data = prepare_data(self.config.data, storage)
        self.trial = make_trials(self.config, self.data.digest)[-1]
        self.paths = storage.sweep("m").trial(self.trial.key)

    def session(self, config=None, num_actors=1):
        return Session(config or self.config, self.trial, self.data, self.paths, num_actors)

    def rows(self, config=None):
        return read_measurements(config or self.config, self.trial, self.paths)


@pytest.fixture
def expected(storage):
    case = Case(storage)
    measure_trial(case.config, case.trial, case.data, case.paths)
    return rows_digest(case.rows())


@pytest.fixture
def case(expected, storage, tmp_path):
    from sweep.paths import claim_storage, open_storage

    other = open_storage(tmp_path / "other", create=True)
    claim_storage(other)
    return Case(other)


def run_all(case, config, num_actors=1, shuffled=None):
    """Every unit in a session of its own, as if each process had died after one."""
    phases = case.session(config, num_actors).start()
    assert phases
    for phase in phases:
        units = list(phase)
        if shuffled is not None:
            random.Random(shuffled).shuffle(units)
        for unit in units:
            case.session(config, num_actors).run(unit)
    return [unit for phase in phases for unit in phase]


def leftovers(case):
    return [path.name for path in case.paths.folder.iterdir() if "measured" not in path.name]


def on_disk(monkeypatch):
    monkeypatch.setattr(sweep.measuring.plan, "SHARE_OF_MEMORY", 0)


def test_disk_and_restarts_change_no_bit(case, expected, monkeypatch):
    on_disk(monkeypatch)
    units = run_all(case, case.config, shuffled=0)
    assert [unit.kind for unit in units].count("record") == 4  # 200 images in parts of 64
    assert rows_digest(case.rows()) == expected
    assert all(name.startswith(("checkpoint", "activations", "scratch"))
               for name in leftovers(case))  # fmt: skip
    assert not list(case.paths.folder.rglob("*.arrow"))


def test_parts_and_passes_change_no_bit(case, expected, monkeypatch):
    on_disk(monkeypatch)
    config = make_config(part_images=100, scratch=0.002)
    units = run_all(case, config)
    assert sum(unit.kind == "release" for unit in units) == 2
    assert sum(unit.kind == "record" for unit in units) % 2 == 0  # 200 images in parts of 128
    assert rows_digest(case.rows(config)) == expected


def test_tiles_change_no_bit(case, expected, monkeypatch):
    monkeypatch.setattr(sweep.measuring.plan, "TILED_IMAGES", 100)
    units = run_all(case, case.config, num_actors=3, shuffled=1)
    tiles = [unit for unit in units if unit.kind == "tile"]
    assert len(tiles) == 6 * sum(unit.kind == "layer" for unit in units)
    assert rows_digest(case.rows()) == expected


def test_a_batch_of_another_size_changes_rounding_alone(case, storage, expected):
    config = make_config(batch_size=50)
    measure_trial(config, case.trial, case.data, case.paths)
    for row, other in zip(case.rows(config), Case(storage).rows(), strict=True):
        assert row.quantity == other.quantity
        if math.isfinite(row.value):
            assert row.value == pytest.approx(other.value, rel=1e-5)


def test_what_was_begun_is_gone_on_with(case, expected, monkeypatch):
    on_disk(monkeypatch)
    phases = case.session().start()
    for unit in phases[0]:
        case.session().run(unit)
    parts = {path: path.stat().st_mtime_ns for path in case.paths.folder.rglob("*.arrow")}
    assert parts
    measure_trial(case.config, case.trial, case.data, case.paths)
    assert rows_digest(case.rows()) == expected


def test_kept_activations_serve_estimators_added_later(case, monkeypatch):
    kept = make_config(keep_activations=True)
    measure_trial(kept, case.trial, case.data, case.paths)
    before = case.rows(kept)
    assert list(case.paths.folder.rglob("*.arrow"))
    raw = kept.model_dump()
    raw["analyses"]["intrinsic"]["estimators"] = ["twonn", "mle"]
    more = SweepConfig.model_validate(raw)
    assert not is_measured(more, case.trial, case.paths)

    def forbidden(*args, **kwargs):
        raise AssertionError("a forward pass was made")

    monkeypatch.setattr("sweep.measuring.session.record_activations", forbidden)
    monkeypatch.setattr("sweep.measuring.session.load_checkpoint", forbidden)
    measure_trial(more, case.trial, case.data, case.paths)
    after = case.rows(more)
    assert {row.quantity for row in after} - {row.quantity for row in before} == {"id/mle"}
    twonn = [row for row in before if row.quantity == "id/twonn"]
    assert [row for row in after if row.quantity == "id/twonn"] == twonn


def test_probe_sets_of_classes(case):
    config = make_config(class_samples=60, probe_classes=["3", "7"])
    measure_trial(config, case.trial, case.data, case.paths)
    rows = {(row.quantity, row.layer): row for row in case.rows(config)}
    layers = {layer for quantity, layer in rows if quantity == "id/twonn"}
    for layer in layers:
        three, seven = rows["id/twonn@3", layer], rows["id/twonn@7", layer]
        mean = rows["id/twonn@classes", layer]
        assert (three.num_samples, rows["id/twonn", layer].num_samples) == (60, 200)
        assert three.settings["samples_digest"] != seven.settings["samples_digest"]
        assert mean.value == pytest.approx((three.value + seven.value) / 2)
        assert mean.low < mean.value < mean.high
        assert mean.settings["num_classes"] == 2


def test_activations_that_are_not_finite_are_named_and_leave_no_files(case, monkeypatch):
    on_disk(monkeypatch)
    config = case.config
    session = case.session()
    with torch.no_grad():
        session._network.network.head.bias.fill_(torch.nan)
    monkeypatch.setattr("sweep.measuring.session.load_checkpoint", lambda *args: session._network)
    with pytest.raises(TrialFailure, match="layer head has activations that can't be measured"):
        measure_trial(config, case.trial, case.data, case.paths)
    assert not list(case.paths.folder.rglob("*.arrow"))
    assert not list(case.paths.folder.rglob("scratch*/*"))


def test_a_network_that_is_too_large_is_refused(case):
    with pytest.raises(TrialFailure, match=r"measure\.scratch, which is 1e-06: raise it"):
        case.session(make_config(keep_activations=True, scratch=1e-6)).start()


def test_a_plan_survives_json(case, monkeypatch):
    monkeypatch.setattr(sweep.measuring.plan, "TILED_IMAGES", 100)
    plan = case.session(num_actors=2)._plan
    assert plan.spans
    assert Plan.from_json(plan.to_json()) == plan


def test_a_network_that_isnt_trained_is_sealed_as_it_begins(case):
    measure_trial(case.config, case.trial, case.data, case.paths)
    folder = case.paths.checkpoint(0)
    weights = (folder / "weights.safetensors").read_bytes()
    train_trial(case.trial, case.data, case.paths)
    assert (folder / "weights.safetensors").read_bytes() == weights


OWN = """
from torch import nn
import torch


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def net(num_classes):
    return nn.Sequential(nn.Conv2d(1, 4, 3), Noisy(), nn.Flatten(), nn.Linear(144, num_classes))
"""


@pytest.fixture
def own(storage, tmp_path, monkeypatch):
    """A module of the user's, whose network draws random numbers as it runs."""
    (tmp_path / "ownnet.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "ownnet", raising=False)
    config = make_config()
    model = config.model.model_copy(update={"name": "ownnet:net"})
    return Case(storage, config.model_copy(update={"model": model}))


def test_random_numbers_are_those_of_the_batch_whoever_runs_it(own, monkeypatch):
    measure_trial(own.config, own.trial, own.data, own.paths)
    rows = rows_digest(own.rows())
    shutil.rmtree(own.paths.folder)
    torch.manual_seed(5)
    on_disk(monkeypatch)
    run_all(own, own.config, shuffled=1)
    assert rows_digest(own.rows()) == rows


def test_a_module_that_has_changed_is_noticed(own, tmp_path):
    measure_trial(own.config, own.trial, own.data, own.paths)
    module = tmp_path / "ownnet.py"
    module.write_text(OWN.replace("x + torch", "x - torch"))
    with pytest.raises(TrialFailure, match=r"ownnet\.py has changed since ownnet\.net"):
        measure_trial(own.config, own.trial, own.data, own.paths)
    module.write_text(OWN)
    measure_trial(own.config, own.trial, own.data, own.paths)
