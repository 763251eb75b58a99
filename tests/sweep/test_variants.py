"""Training variants: subsets, augmentation, dropout, the luminance gradient, schedules."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from estimators import TwoNN, nearest_neighbors
from sweep.config import SweepConfig
from sweep.data.luminance import add_luminance
from sweep.data.partitions import prepare_data
from sweep.errors import TrialFailure
from sweep.measuring.measure import measure_trial
from sweep.measuring.sealed import read_measurements
from sweep.results import TrialResult
from sweep.space import make_trials
from sweep.summary import shown_variants, variant
from sweep.sweepfile import parse_sweep
from sweep.training.augmentation import augment
from sweep.training.checkpoints import begin_network
from sweep.training.optimization import set_dropout
from sweep.training.subset import choose_subset
from sweep.training.trainer import train_trial

LABELS = np.random.default_rng(1).choice(5, 400, p=[0.4, 0.3, 0.15, 0.1, 0.05])


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(0, 3))
def test_subsets_keep_the_shares_of_classes(number, seed):
    rows = choose_subset(LABELS, number, seed)
    assert len(rows) == len(set(rows)) == number
    expected = np.bincount(LABELS) * number / 400
    assert np.abs(np.bincount(LABELS[rows], minlength=5) - expected).max() <= 2


def test_subsets_are_nested_and_differ_by_seed():
    small, large = choose_subset(LABELS, 50, 0), choose_subset(LABELS, 200, 0)
    assert set(small) < set(large)
    assert set(small) != set(choose_subset(LABELS, 50, 1))
    np.testing.assert_array_equal(choose_subset(LABELS, None, 0), np.arange(400))


def test_more_images_than_there_are_is_one_line():
    with pytest.raises(TrialFailure, match=r"num_images: 401 asked, but there are 400"):
        choose_subset(LABELS, 401, 0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["crop", "crop_flip"])
def test_each_image_is_moved_by_itself(kind):
    dots = torch.zeros(200, 1, 16, 16)
    dots[:, 0, 8, 4] = 7
    moved = augment(dots, kind, generator())
    assert moved.shape == dots.shape
    assert (moved.sum(dim=(1, 2, 3)) == 7).all()  # a dot inside is never lost
    rows, columns = moved[:, 0].flatten(1).argmax(1) // 16, moved[:, 0].flatten(1).argmax(1) % 16
    assert set(rows.tolist()) == {6, 7, 8, 9, 10}
    expected = {2, 3, 4, 5, 6} | ({9, 10, 11, 12, 13} if kind == "crop_flip" else set())
    assert set(columns.tolist()) == expected


def test_augmentation_repeats_and_keeps_channels_together():
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.uint8).reshape(2, 3, 8, 8)
    one, same = (augment(images, "crop_flip", generator(4)) for _ in range(2))
    assert torch.equal(one, same)
    assert augment(images, "none", generator()) is images
    seen = one != 0
    steps = one[:, 1].int() - one[:, 0].int()
    assert set(steps[seen[:, 0] & seen[:, 1]].tolist()) <= {64, 64 - 256}


def test_dropout_layers_are_set_and_missing_ones_told():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout2d(0.1))
    set_dropout(network, None)
    assert [network[1].p, network[2].p] == [0.5, 0.1]
    set_dropout(network, 0.25)
    assert [network[1].p, network[2].p] == [0.25, 0.25]
    with pytest.raises(TrialFailure, match="no dropout layer"):
        set_dropout(network[:1], 0.25)


def test_luminance_adds_one_offset_an_image_and_scales_back():
    pixels = torch.randint(256, (50, 3, 4, 4), generator=generator(), dtype=torch.uint8)
    ids = np.arange(50) * 7
    changed = add_luminance(pixels, ids, 3.0)
    offsets = changed * 4 - pixels
    spread = offsets.flatten(1).amax(1) - offsets.flatten(1).amin(1)
    assert spread.max() < 1e-3
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert 255 * 1.2 < offsets.mean() < 255 * 1.8  # uniform in 0..3 times the range
    one = add_luminance(pixels[5:6], ids[5:6], 3.0)
    assert torch.equal(one, changed[5:6])  # whatever else is in the batch


def make(storage, folder="s", **sections):
    config = SweepConfig.model_validate({"name": folder, **sections})
    data = prepare_data(config.data, storage)
    trial = make_trials(config, data.digest)[-1]
    return trial, data, storage.sweep(folder).trial(trial.key)


def test_the_gradient_lowers_the_dimension_of_the_input(storage):
    """As in the paper's Figure 6, where 13 falls to 3."""
    found = {}
    for strength in (0.0, 300.0):
        training = {"epochs": 1, "luminance_gradient": strength}
        trial, data, _ = make(storage, training=training)
        network = begin_network(trial, data)
        pixels = network.preprocessing.pixels_of(data.split("train"), np.arange(1000))
        points = network.input(pixels).flatten(1).numpy()
        found[strength] = TwoNN().estimate(nearest_neighbors(points, 2)).dimension
    assert found[300.0] < 0.6 * found[0.0]


@pytest.mark.parametrize(
    "training",
    [
        {"num_images": 300},
        {"augmentation": "crop"},
        {"dropout": 0.3},
        {"luminance_gradient": 1.0},
        {"optimizer": "adam"},
        {"optimizer": "sgd", "momentum": 0.5, "learning_rate": 0.05},
        {"optimizer": "nesterov", "learning_rate": 0.05},
        {"schedule": "constant"},
    ],
    ids=str,
)
def test_each_variant_trains_repeats_and_differs(storage, training):
    model = {"name": "mlp", "width": 16}
    plain = train_trial(*make(storage, "plain", model=model, training={"epochs": 2}))
    runs = [
        train_trial(*make(storage, folder, model=model, training={"epochs": 2, **training}))
        for folder in ("one", "two")
    ]
    assert runs[0] == runs[1] != plain
    assert runs[0][-1]["train_loss"] < runs[0][0]["train_loss"]


def test_a_constant_rate_stays(storage):
    training = {"epochs": 3, "schedule": "constant", "learning_rate": 0.01}
    history = train_trial(*make(storage, model={"name": "mlp"}, training=training))
    assert {record["learning_rate"] for record in history} == {0.01}


def test_the_paper_s_network_is_the_paper_s(storage):
    trial, data, _ = make(storage, model={"name": "mnistnet", "image_size": 28})
    sizes = [tuple(p.shape) for n, p in begin_network(trial, data).named_parameters() if p.ndim > 1]
    assert sizes == [(32, 1, 3, 3), (64, 32, 3, 3), (128, 1600), (10, 128)]


def test_variants_are_told_by_what_was_changed():
    text = """
name: told
space:
  - training.label_noise: {grid: [0, 0.5, 1]}
  - training.luminance_gradient: 300
"""
    config = parse_sweep(text, "told.yaml").config
    trials = make_trials(config, "")
    told = [variant(trial) for trial in trials]
    assert sorted(set(told)) == [
        "gradient 300",
        "label noise 0.5",
        "label noise 1",
        "true labels",
        "untrained",
        "untrained, gradient 300",
    ]
    results = [TrialResult(trial, [], []) for trial in trials]
    shown = ["true labels", "label noise 1", "gradient 300", "untrained"]
    assert shown_variants(results) == shown


def test_the_gradient_keeps_pixels_centered(storage):
    training = {"epochs": 1, "luminance_gradient": 20.0}
    trial, data, _ = make(storage, training=training)
    network = begin_network(trial, data)
    images = network.input(network.preprocessing.pixels_of(data.split("train"), np.arange(1000)))
    assert abs(float(images.mean())) < 0.1
    assert float(images.std()) == pytest.approx(1, abs=0.1)


def test_training_accuracy_is_of_the_images_trained_on(storage):
    training = {"epochs": 30, "num_images": 40, "label_noise": 1.0}
    measure = {"num_samples": 60, "untrained": False}
    sections = {"model": {"name": "mlp", "width": 64}, "training": training, "measure": measure}
    trial, data, paths = make(storage, **sections)
    history = train_trial(trial, data, paths)
    config = SweepConfig.model_validate({"name": "s", **sections})
    measure_trial(config, trial, data, paths)
    (row,) = [
        row for row in read_measurements(config, trial, paths) if row.quantity == "train_accuracy"
    ]
    assert row.num_samples == row.settings["num_images"] == 40
    assert history[-1]["train_accuracy"] > 0.9
    assert row.value > 0.9  # of the whole split it would be chance, as it is noise


def test_lists_that_name_something_twice_are_refused():
    for analyses in (
        {"blocks": {"numbers": [2, 2]}},
        {"intrinsic": {"estimators": ["mle", "mle"]}},
    ):
        with pytest.raises(ValueError, match="twice"):
            SweepConfig.model_validate({"name": "s", "analyses": analyses})
