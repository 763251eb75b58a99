"""A training that is interrupted goes on to the same bits, and nothing is unpickled for it."""

import json

import pytest
import torch

from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.sealing import file_digest, read_manifest
from sweep.space import make_trials
from sweep.training.checkpoints import WEIGHTS, load_checkpoint, read_history
from sweep.training.segments import Segment
from sweep.training.state import REST, TENSORS
from sweep.training.trainer import train_trial

CASES = [
    ({"name": "mlp", "width": 4}, {"optimizer": "adamw", "augmentation": "crop_flip"}),
    ({"name": "cnn", "width": 4, "depth": 1}, {"optimizer": "nesterov", "label_noise": 0.3}),
    ({"name": "vit", "width": 16, "depth": 1}, {"optimizer": "adam", "dropout": 0.2}),
    ({"name": "mlp", "width": 4}, {"optimizer": "sgd", "schedule": "constant", "momentum": 0}),
]


@pytest.fixture
def make(storage):
    """Makes a trial of the given settings; returns it with data and paths in a folder."""

    def make_one(folder, model, training, epochs=4):
        config = SweepConfig.model_validate(
            {
                "name": folder,
                "model": model,
                "training": {"epochs": epochs, "num_images": 300, **training},
                "measure": {"epochs": [0, 1.5, 3]},
            }
        )
        data = prepare_data(config.data, storage)
        trial = make_trials(config, data.digest)[-1]
        return trial, data, storage.sweep(folder).trial(trial.key)

    return make_one


def sealed(trial, paths):
    return [
        (file_digest(folder / WEIGHTS), read_history(folder))
        for folder in (paths.checkpoint(each.epoch) for each in trial.checkpoints)
    ]


@pytest.mark.parametrize(("model", "training"), CASES)
def test_two_segments_seal_what_one_training_seals(make, tmp_path, model, training):
    trial, data, paths = make("whole", model, training)
    history = train_trial(trial, data, paths)
    whole = sealed(trial, paths)
    trial, data, paths = make("parts", model, training)
    state = tmp_path / "state"
    told = []
    train_trial(trial, data, paths, told.append, segment=Segment(until=2, end=state))
    torch.rand(17)  # what a process does in between
    assert not paths.checkpoint(4).exists()
    assert read_manifest(state)["record"] == told[-1] == history[1]
    assert train_trial(trial, data, paths, told.append, segment=Segment(begin=state)) == history
    assert told == history
    assert sealed(trial, paths) == whole
    assert {path.name for path in state.iterdir()} == {TENSORS, REST, "manifest.json"}


def test_other_values_hold_from_the_next_step_on(make, tmp_path):
    model, training = {"name": "mlp", "width": 4}, {"schedule": "cosine", "optimizer": "sgd"}
    trial, data, paths = make("changed", model, training)
    state, changed = tmp_path / "state", tmp_path / "changed"
    train_trial(trial, data, paths, segment=Segment(until=2, end=state))
    values = {"learning_rate": 2 * trial.config.training.learning_rate, "momentum": 0.5}
    segment = Segment(begin=state, until=3, end=changed, values=values)
    history = train_trial(trial, data, paths, segment=segment)
    other = train_trial(*make("other", model, training | {"learning_rate": 6e-3}))
    # The schedule is the one of a training that began with the other learning rate.
    assert history[2]["learning_rate"] == pytest.approx(other[2]["learning_rate"])
    assert read_manifest(changed)["values"] == values
    groups = json.loads((changed / REST).read_text())["groups"]
    assert [group["momentum"] for group in groups] == [0.5]


def test_weights_can_be_taken_over_from_another(make, tmp_path):
    model, training = {"name": "mlp", "width": 4}, {"optimizer": "adamw"}
    good, bad = tmp_path / "good", tmp_path / "bad"
    trial, data, paths = make("good", model, training | {"seed": 1})
    source = train_trial(trial, data, paths, segment=Segment(until=2, end=good))
    trial, data, paths = make("bad", model, training | {"learning_rate": 30.0})
    own = train_trial(trial, data, paths, segment=Segment(until=2, end=bad))
    assert own[1]["train_loss"] > 3 * source[1]["train_loss"]
    values = {"learning_rate": 3e-3}
    segment = Segment(begin=bad, weights=good, values=values, facts={"why": "told"})
    history = train_trial(trial, data, paths, segment=segment)
    assert history[:2] == own  # a member's history is its own
    assert history[2]["train_loss"] < source[1]["train_loss"]
    assert read_manifest(paths.checkpoint(4))["why"] == "told"
    assert load_checkpoint(trial, data, paths)


def test_a_diverged_member_leaves_a_state_that_says_so(make, tmp_path):
    training = {"optimizer": "sgd", "learning_rate": 1e30}
    trial, data, paths = make("diverged", {"name": "mlp", "width": 4}, training)
    state = tmp_path / "state"
    train_trial(trial, data, paths, segment=Segment(until=2, end=state))
    assert "not finite in epoch 1" in read_manifest(state)["diverged"]
    steps = json.loads((state / REST).read_text())["step"]
    assert steps == 2 * 5  # of 64 images, from 300
