"""What `idsweep check` foretells is what measuring then does."""

import pytest

from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from sweep.forecast import forecast, operations_per_second
from sweep.measuring.session import Session
from sweep.space import make_trials


def make(storage, **measure):
    config = SweepConfig.model_validate(
        {
            "name": "f",
            "measure": {"num_samples": 100, "untrained": False, **measure},
            "space": [{"model.name": {"grid": ["cnn", "vit"]}, "training.seed": {"grid": [0, 1]}}],
            "training": {"epochs": 0},
        }
    )
    data = prepare_data(config.data, storage)
    return config, data, make_trials(config, data.digest)


@pytest.mark.parametrize(
    "measure",
    [{}, {"keep_activations": True}, {"layers": ["all"]}, {"class_samples": 20}],
)
def test_the_plan_is_the_one_that_is_followed(storage, measure):
    config, data, trials = make(storage, **measure)
    found = forecast(config, trials, data)
    assert [line.num_trials for line in found] == [2, 2]
    for line, trial in zip(found, trials[:2], strict=True):
        session = Session(config, trial, data, storage.sweep("f").trial(trial.key))
        assert line.plan == session._plan
        count = len(session._checkpoint.sample_rows)
        assert (count > 100) == ("class_samples" in measure)
        assert line.plan.num_bytes == 4 * count * sum(la.num_units for la in line.plan.layers)
        assert line.operations > 0


def test_without_data_images_the_network_is_made_for_stand_in(storage):
    config, _, trials = make(storage)
    (cnn, _) = forecast(config, trials, None)
    assert cnn.plan.num_images == 100
    assert cnn.plan.layers[0].shape == (1, 8, 8)


def test_without_data_classes_count_as_many_as_are_named(storage):
    config, _, trials = make(storage, class_samples=20, probe_classes=["3", "7"])
    line = forecast(config, trials, None)[0]
    assert (line.plan.num_images, line.classes_known) == (140, True)
    config, _, trials = make(storage, class_samples=20)
    line = forecast(config, trials, None)[0]
    assert (line.plan.num_images, line.classes_known) == (100, False)


def test_a_network_that_does_not_fit_is_named(storage):
    config, data, trials = make(storage, keep_activations=True, scratch=1e-6)
    with pytest.raises(UserError, match=r"^cnn.*: measure\.keep_activations.*scratch"):
        forecast(config, trials, data)


def test_the_rate_is_that_of_a_processor():
    assert 1e8 < operations_per_second(1) < 1e13
