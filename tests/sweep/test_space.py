"""A space gives the same trials each time, and more of it changes none of them."""

import pytest

from sweep.config import SweepConfig
from sweep.space import make_trials, varied_keys


def trials(data="digest", **sections):
    return make_trials(SweepConfig.model_validate({"name": "s", **sections}), data)


def trained(found):
    return [trial for trial in found if trial.role == "trained"]


GRID = {"model.width": {"grid": [4, 8]}, "training.seed": {"grid": [0, 1, 2]}}


def test_grid_is_the_product():
    found = trained(trials(space=[GRID]))
    assert {(t.config.model.width, t.config.training.seed) for t in found} == {
        (w, s) for w in (4, 8) for s in (0, 1, 2)
    }


def test_blocks_are_united_without_repetition():
    found = trials(space=[GRID, {"model.width": 4, "training.label_noise": {"grid": [0, 1]}}])
    assert len(trained(found)) == 6 + 1  # width 4, seed 0, no noise stands in both


def test_each_architecture_and_seed_has_one_untrained_twin_before_it():
    noise = {"training.label_noise": {"grid": [0, 0.5]}, "training.seed": {"grid": [0, 1]}}
    found = trials(space=[noise])
    for place, trial in enumerate(found):
        if trial.role == "trained":
            before = [t for t in found[:place] if t.role == "untrained"]
            assert trial.config.training.seed in {t.config.training.seed for t in before}
    twins = [t for t in found if t.role == "untrained"]
    assert sorted(t.config.training.seed for t in twins) == [0, 1]
    assert all(t.config.training.epochs == 0 for t in twins)
    assert not any(t.role == "untrained" for t in trials(measure={"untrained": False}))


def test_key_says_all_that_determines_a_trial():
    keys = [
        trials()[1].key,
        trials(data="other")[1].key,
        trials(training={"epochs": 3})[1].key,
        trials(model={"width": 3})[1].key,
    ]
    assert len(set(keys)) == 4
    # Where and how it runs is no part of it.
    assert trials(resources={"cpus": 4}, measure={"actors": 3})[1].key == keys[0]
    # Nor is how a number is written.
    assert trials(training={"epochs": 20, "label_noise": 0})[1].key == keys[0]


RANDOM = {
    "training.learning_rate": {"loguniform": [1e-4, 1e-1]},
    "training.label_noise": {"uniform": [0, 1]},
    "training.optimizer": {"choice": ["adamw", "sgd"]},
    "training.batch_size": {"randint": [16, 65]},
}


def test_random_axes_stay_in_range_and_depend_on_the_seed_alone():
    found = trained(trials(space=[RANDOM], search={"num_samples": 50}))
    assert len(found) == 50
    for trial in found:
        assert 1e-4 <= trial.config.training.learning_rate < 1e-1
        assert 16 <= trial.config.training.batch_size <= 64
    assert len({t.config.training.optimizer for t in found}) == 2
    again = trained(trials(space=[RANDOM], search={"num_samples": 50}))
    assert again == found
    other = trained(trials(space=[RANDOM], search={"num_samples": 50, "seed": 1}))
    assert not {t.key for t in other} & {t.key for t in found}


@pytest.mark.parametrize(
    "more",
    [
        {"space": [RANDOM], "search": {"num_samples": 9}},
        {"space": [RANDOM, GRID], "search": {"num_samples": 4}},
    ],
)
def test_more_of_a_space_keeps_the_trials_there_were(more):
    before = {t.key for t in trials(space=[RANDOM], search={"num_samples": 4})}
    assert before < {t.key for t in trials(**more)}


def test_varied_keys_are_those_on_which_trained_trials_differ():
    assert varied_keys(trials(space=[GRID])) == ["model.width", "training.seed"]


def test_names_are_for_people():
    noise = trials(training={"label_noise": 0.5}, model={"name": "mlp", "width": 32, "depth": 1})
    assert [t.name for t in noise] == ["mlp-w32-d1-untrained-s0", "mlp-w32-d1-noise0.5-s0"]


def test_no_two_trials_share_a_name():
    axes = {
        "model.name": ["mlp", "cnn"],
        "model.batch_norm": [True, False],
        "training.epochs": [1, 2],
        "training.optimizer": ["adamw", "sgd"],
        "training.learning_rate": [0.003, 0.0030001],
        "training.weight_decay": [0, 0.01],
        "training.batch_size": [32, 64],
        "training.label_noise": [0, 0.25],
    }
    found = trials(space=[{key: {"grid": values} for key, values in axes.items()}])
    assert len({t.name for t in found}) == len(found) == 2**8 + 4


def test_a_trial_of_no_epochs_is_untrained():
    found = trials(training={"epochs": 0})
    assert [t.role for t in found] == ["untrained"]
