"""Every analysis keeps the contract; what it says is what its source says."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from estimators import (
    TwoNN,
    covariance_spectrum,
    nearest_neighbors,
    participation_ratio_corrected,
    pc_dimension,
    rankme,
)
from estimators.local import require_neighbors
from sweep.config import SurrogateConfig, SweepConfig
from sweep.data.partitions import prepare_data
from sweep.measurement import to_table
from sweep.measuring import ANALYSES, make_analyses
from sweep.measuring.accuracy import AccuracyAnalysis
from sweep.measuring.activations import record_activations
from sweep.measuring.checkpoint import MIX, Checkpoint, LayerView, NetworkView
from sweep.measuring.counting import CountingAnalysis, count_all
from sweep.measuring.measure import measure_trial
from sweep.measuring.sealed import is_measured, read_measurements
from sweep.measuring.store import MemoryStore
from sweep.measuring.surrogate import SurrogateAnalysis
from sweep.models.catalog import build_network
from sweep.models.layers import find_layers
from sweep.results import rows_digest
from sweep.space import make_trials
from sweep.training.trainer import train_trial
from tests.sweep.image_files import labels_of, random_images, write_folder

CONFIG = SweepConfig.model_validate(
    {
        "name": "m",
        "training": {"epochs": 1},
        "measure": {"num_samples": 200},
        # What is off by default keeps the contract too.
        "analyses": {"surrogate": {}, "subsamples": {}, "blocks": {}, "scales": {"up_to": 8}},
    }
)

CONCEPTS = SweepConfig.model_validate(
    {
        "name": "c",
        "data": {"name": "concepts", "num_drawn": 400},
        "model": {"name": "cnn", "width": 4, "depth": 1},
        "training": {"epochs": 1},
        "analyses": {
            "intrinsic": None,
            "linear": None,
            "dissection": {"num_images": 60, "permutations": 3, "rotations": {"number": 2}},
        },
    }
)


class Case:
    """A network at initialization, and what every analysis may see of it."""

    def __init__(self, config, storage):
        data = prepare_data(config.data, storage)
        trial = make_trials(config, data.digest)[-1]
        self.network = build_network(trial.config.model, data, seed=0).eval()
        self.checkpoint = Checkpoint(trial, data, config.measure)

    def views(self):
        rows, split = self.checkpoint.sample_rows, self.checkpoint.data.split("train")
        layers = find_layers(self.network, torch.from_numpy(split.stored(rows[:3]).copy()))
        store = MemoryStore(layers, len(rows))
        record_activations(self.network, layers, split, rows, 64, store.write)
        network = NetworkView(self.checkpoint, self.network, tuple(layers), 64, 64)
        sampling = self.checkpoint.sampling[MIX]
        return network, [
            LayerView(self.checkpoint, layer, store.points(layer), sampling) for layer in layers
        ]

    def measure(self, analysis):
        network, layers = self.views()
        rows = list(analysis.measure_network(network))
        for view in layers:
            rows += analysis.measure_layer(view)
        if isinstance(analysis, CountingAnalysis):
            rows += count_all(analysis, network).rows
        return analysis.finish(rows)


DEPTHWISE = SweepConfig.model_validate(
    {
        "name": "k",
        "model": {"name": "convmixer", "width": 48, "depth": 2, "kernel_size": 3},
        "training": {"epochs": 1},
        # Of half the kernels a family is said, so that there is an entropy, and orientations.
        "analyses": {
            "intrinsic": None,
            "linear": None,
            "depthwise": {"false_positive_rate": 0.5},
        },
    }
)

ALL = {
    analysis.name: (config, analysis)
    for config in (CONCEPTS, DEPTHWISE, CONFIG)
    for analysis in make_analyses(config.analyses)
}


@pytest.fixture(params=ALL)
def analysis(request):
    return ALL[request.param][1]


@pytest.fixture
def case(storage):
    return Case(CONFIG, storage)


class TestAnalysis:
    @pytest.fixture
    def case(self, analysis, storage):
        return Case(ALL[analysis.name][0], storage)

    def test_rows_speak_of_this_checkpoint(self, analysis, case):
        rows = case.measure(analysis)
        assert rows
        for row in rows:
            assert (row.trial, row.checkpoint) == (case.checkpoint.trial.key, 1.0)
            assert row.analysis == analysis.name
            # A layer of 10 units has too few eigenvalues for a power law, and says so.
            assert math.isfinite(row.value) or "needs 10 eigenvalues" in row.settings["error"]
            json.dumps(dict(row.settings))
            if row.low is not None:
                assert row.low <= row.value <= row.high

    def test_measures_what_it_declares(self, analysis, case):
        rows = [row for row in case.measure(analysis) if row.quantity != "last_hidden"]
        layered = {row.quantity for row in rows if row.layer_index is not None}
        plain = {row.quantity for row in rows if row.layer_index is None}
        assert layered == set(analysis.layer_quantities)
        assert plain == set(analysis.network_quantities)
        for quantity in layered:
            indices = [row.layer_index for row in rows if row.quantity == quantity]
            count = len(case.views()[1])
            # Two depthwise convolutions are no layers of the profile, and stand behind these.
            own = range(count, count + 2) if analysis.name == "depthwise" else range(count)
            assert indices == list(own)

    def test_repeats_itself_to_the_bit(self, analysis, case):
        rows, repeated = case.measure(analysis), case.measure(analysis)
        assert rows_digest(rows) == rows_digest(repeated)
        assert to_table(rows).num_rows == len(rows)

    def test_settings_are_json(self, analysis, case):
        assert json.loads(json.dumps(dict(analysis.settings))) == dict(analysis.settings)


def test_every_section_of_analyses_has_its_analysis():
    assert set(ANALYSES) | {"accuracy_images"} == set(type(CONFIG.analyses).model_fields)


def test_values_are_those_of_the_estimators(case):
    rows = {
        (row.quantity, row.layer): row
        for analysis in make_analyses(CONFIG.analyses)
        for row in case.measure(analysis)
    }
    for view in case.views()[1]:
        layer, points = view.layer, view.points
        expected = TwoNN().estimate(nearest_neighbors(points, 2))
        row = rows["id/twonn", layer.name]
        assert (row.value, row.low, row.high) == (expected.dimension, expected.low, expected.high)
        assert row.num_samples == 200
        assert row.embedding_dimension == points.num_units
        assert row.settings["samples_digest"] == view.sampling["samples_digest"]
        spectrum = covariance_spectrum(points, uncentered=True)
        assert rows["pc_id", layer.name].value == pc_dimension(spectrum, 0.9)
        assert rows["rankme", layer.name].value == rankme(spectrum)
        corrected = rows["participation_ratio_corrected", layer.name].value
        assert corrected == participation_ratio_corrected(spectrum)


def test_samples_are_drawn_once_for_all_trials(case):
    rows = case.checkpoint.sample_rows
    available = case.checkpoint.data.counts["train"]
    drawn = np.random.default_rng([CONFIG.measure.seed, available]).permutation(available)[:200]
    np.testing.assert_array_equal(rows, np.sort(drawn))


def test_a_collapsed_layer_has_a_row_with_the_reason(case):
    with torch.no_grad():
        case.network.network.head.weight.zero_()
    rows = [row for a in make_analyses(CONFIG.analyses) for row in case.measure(a)]
    dead = [row for row in rows if row.layer == "head" and row.analysis in ANALYSES]
    assert {row.quantity for row in dead} == {
        "id/twonn", "id/twonn_linear", "pc_id", "participation_ratio",
        "participation_ratio_corrected", "effective_rank", "rankme", "alpha_req",
        "surrogate_id/twonn", "surrogate_id_ansuini2019/twonn",
        "subsample_id/twonn_linear", "jackknife_id/twonn_linear",
        "block_id_2/twonn", "block_id_4/twonn", "block_id_8/twonn",
        "scale_id_2/gride", "scale_id_4/gride", "scale_id_8/gride",
    }  # fmt: skip
    for row in dead:
        assert math.isnan(row.value)
        resampled = row.analysis in ("subsamples", "blocks")
        assert ("leaving 0" if resampled else "200 points") in row.settings["error"]


def test_an_estimator_that_wants_more_neighbors_than_there_are_stops_no_other(case):
    greedy = SimpleNamespace(name="greedy", num_neighbors=500)
    greedy.estimate = lambda neighbors: require_neighbors(neighbors, 500, "greedy")
    intrinsic = {a.name: a for a in make_analyses(CONFIG.analyses)}["intrinsic"]
    alone = case.measure(intrinsic)
    intrinsic.estimators = [greedy, *intrinsic.estimators]
    rows = case.measure(intrinsic)
    failed = [row for row in rows if row.quantity == "id/greedy"]
    assert len(failed) == len(case.views()[1])
    for row in failed:
        assert math.isnan(row.value)
        assert "greedy reads 500 neighbors" in row.settings["error"]
    assert [row for row in rows if row not in failed] == alone


def test_a_layer_that_stands_out_is_flagged_and_keeps_its_value(case):
    """An ID of 365 among 6 to 12 once exposed a wrong input scale."""
    intrinsic = {a.name: a for a in make_analyses(CONFIG.analyses)}["intrinsic"]
    assert not any("outlier" in row.settings for row in case.measure(intrinsic))
    values = [365.0, *(9.0 + number % 3 for number in range(len(case.views()[1]) - 1))]
    given = iter(values)
    wrong = SimpleNamespace(name="twonn", num_neighbors=2)
    wrong.estimate = lambda table: replace(TwoNN().estimate(table), dimension=next(given))
    intrinsic.estimators = [wrong, TwoNN(method="linear")]
    rows = case.measure(intrinsic)
    assert [row.value for row in rows if row.quantity == "id/twonn"] == values
    flagged = [row for row in rows if row.settings.get("outlier")]
    assert [(row.quantity, row.value) for row in flagged] == [("id/twonn", 365.0)]


def test_an_analysis_added_later_leaves_the_others_sealed(storage):
    less = CONFIG.model_copy(
        update={"analyses": CONFIG.analyses.model_copy(update={"linear": None})}
    )
    data = prepare_data(CONFIG.data, storage)
    trial = make_trials(CONFIG, data.digest)[-1]
    paths = storage.sweep("m").trial(trial.key)
    train_trial(trial, data, paths)
    measure_trial(less, trial, data, paths)
    assert is_measured(less, trial, paths)
    assert not is_measured(CONFIG, trial, paths)
    sealed = {path: path.stat().st_mtime_ns for path in paths.folder.rglob("rows.parquet")}
    measure_trial(CONFIG, trial, data, paths)
    assert is_measured(CONFIG, trial, paths)
    assert {path: path.stat().st_mtime_ns for path in sealed} == sealed
    assert len(read_measurements(CONFIG, trial, paths)) > len(read_measurements(less, trial, paths))


def test_accuracy_is_counted_on_the_labels_trained_on(storage):
    noisy = CONFIG.model_copy(
        update={"training": CONFIG.training.model_copy(update={"label_noise": 1.0})}
    )
    case = Case(noisy, storage)
    accuracy = {a.name: a for a in make_analyses(noisy.analyses)}["accuracy"]
    rows = {row.quantity: row for row in case.measure(accuracy)}
    for split in ("train", "test"):
        right, wrong = rows[f"{split}_accuracy"], rows[f"{split}_error"]
        assert right.num_samples == case.checkpoint.data.counts[split]
        assert right.value + wrong.value == pytest.approx(1)
        assert right.low + wrong.high == pytest.approx(1)
        assert 0 <= right.low < right.high <= 1


def test_surrogates_are_drawn_by_seed_and_layer_alone(case):
    """The same points whoever measures; another seed or layer gives others."""

    def measure(**settings):
        rows = case.measure(SurrogateAnalysis(SurrogateConfig(**settings)))
        return {(row.quantity, row.layer): row.value for row in rows}

    found = measure()
    assert found == measure()
    assert {name for name, _ in found} == {"surrogate_id/twonn", "surrogate_id_ansuini2019/twonn"}
    one = measure(modes=["ansuini2019"])
    assert one == {key: found[key] for key in one}
    assert all(value != found[key] for key, value in measure(seed=1).items())


def test_a_wide_layer_needs_no_wide_surrogate(case):
    """Of 20 images: at most 19 directions, whatever the units."""
    _, views = case.views()
    few = [replace(view, points=view.points.take(np.arange(20))) for view in views]
    for view in few:
        for row in SurrogateAnalysis(SurrogateConfig()).measure_layer(view):
            assert row.settings["num_directions"] <= min(19, view.layer.num_units)
            assert row.settings["mode"] in ("matched", "ansuini2019")


def test_top_5_counts_the_five_largest_outputs(case):
    rows = {row.quantity: row for row in case.measure(AccuracyAnalysis())}
    split = case.checkpoint.data.split("test")
    images = torch.from_numpy(split.stored(np.arange(len(split.labels))).copy())
    with torch.no_grad():
        outputs = case.network.eval()(images).numpy()
    rank = (outputs > outputs[np.arange(len(outputs)), split.labels][:, None]).sum(axis=1)
    row = rows["test_top5_accuracy"]
    assert row.value == pytest.approx((rank < 5).mean())
    assert row.value > rows["test_accuracy"].value
    assert row.low < row.value < row.high
    assert rows["test_top5_error"].value == 1 - row.value


def test_top_5_says_nothing_of_five_classes_or_fewer(storage, tmp_path):
    write_folder(
        tmp_path / "photos", random_images(40, (3, 8, 8)), labels_of(40, 2), ["cat", "dog"]
    )
    data = {"name": "image_folder", "path": str(tmp_path / "photos")}
    case = Case(SweepConfig.model_validate({"name": "m", "data": data}), storage)
    rows = {row.quantity: row for row in case.measure(AccuracyAnalysis())}
    assert math.isfinite(rows["test_error"].value)
    assert math.isnan(rows["test_top5_error"].value)
    assert "5 first of 2 classes" in rows["test_top5_error"].settings["error"]
