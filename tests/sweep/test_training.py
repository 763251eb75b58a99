"""Training one network: it learns, it repeats, it fails with a reason."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.errors import TrialFailure
from sweep.models.catalog import build_network
from sweep.sealing import file_digest
from sweep.space import make_trials
from sweep.training.batches import split_epoch
from sweep.training.checkpoints import WEIGHTS, is_trained, load_checkpoint, read_history
from sweep.training.labels import corrupt_labels
from sweep.training.trainer import train_trial

LABELS = np.random.default_rng(0).integers(0, 10, 1000)


@given(st.floats(0, 1))
def test_noise_touches_its_share_and_no_more(fraction):
    noisy = corrupt_labels(LABELS, fraction, 10, seed=3)
    assert (noisy != LABELS).sum() <= round(fraction * 1000)
    assert set(noisy) <= set(range(10))


def test_noise_is_uniform_over_classes_and_nested_in_the_fraction():
    half, full = (corrupt_labels(LABELS, fraction, 10, seed=3) for fraction in (0.5, 1.0))
    # A drawn label is the true one in a tenth of the cases.
    assert (full != LABELS).mean() == pytest.approx(0.9, abs=0.03)
    assert (half != LABELS).mean() == pytest.approx(0.45, abs=0.03)
    np.testing.assert_array_equal(half[half != LABELS], full[half != LABELS])
    assert (corrupt_labels(LABELS, 1.0, 10, seed=4) != full).any()


@pytest.fixture
def make(storage):
    """Makes a trial of the given settings; returns it with data and paths."""

    def make_one(folder="s", **sections):
        config = SweepConfig.model_validate({"name": folder, **sections})
        data = prepare_data(config.data, storage)
        trial = make_trials(config, data.digest)[-1]
        return trial, data, storage.sweep(folder).trial(trial.key)

    return make_one


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_learns_the_digits(make, name, optimizer):
    rate = {"adamw": 3e-3, "sgd": 0.05}[optimizer]
    training = {"epochs": 6, "optimizer": optimizer, "learning_rate": rate}
    history = train_trial(*make(model={"name": name}, training=training))
    assert [record["epoch"] for record in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["test_accuracy"] > 0.85
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    rates = [record["learning_rate"] for record in history]
    assert rates == sorted(rates, reverse=True)


def test_a_result_does_not_depend_on_what_ran_before_it(make):
    sections = {"model": {"name": "resnet", "width": 4, "depth": 1}, "training": {"epochs": 2}}
    train_trial(*make("fresh", **sections))
    other = {"name": "mlp"}
    train_trial(*make("between", model=other, training={"epochs": 1, "label_noise": 1, "seed": 9}))
    torch.manual_seed(1234)
    torch.rand(17)
    train_trial(*make("after", **sections))
    digests = {
        file_digest(paths.checkpoint(trial.epoch) / WEIGHTS)
        for trial, _, paths in (make("fresh", **sections), make("after", **sections))
    }
    assert len(digests) == 1


def test_a_lone_last_image_joins_the_batch_before():
    sizes = [len(batch) for batch in split_epoch(torch.arange(129), 64)]
    assert sizes == [64, 65]
    assert torch.cat(split_epoch(torch.arange(129), 64)).tolist() == list(range(129))
    assert [len(batch) for batch in split_epoch(torch.arange(1), 64)] == [1]


def test_checkpoint_comes_back_whole(make):
    trial, data, paths = make(training={"epochs": 1})
    assert not is_trained(trial, paths)
    history = train_trial(trial, data, paths)
    assert is_trained(trial, paths)
    assert read_history(paths.checkpoint(trial.epoch)) == history
    network = load_checkpoint(trial, data, paths)
    assert not network.training
    test = data.split("test")
    with torch.no_grad():
        predicted = network(torch.from_numpy(test.images.copy())).argmax(dim=1).numpy()
    assert (predicted == test.labels).mean() == history[-1]["test_accuracy"]


def test_untrained_is_the_initialization_of_the_trained(make):
    trial, data, paths = make(training={"epochs": 0})
    assert train_trial(trial, data, paths) == []
    saved = load_checkpoint(trial, data, paths).state_dict()
    fresh = build_network(trial.config.model, data, trial.config.training.seed).state_dict()
    assert all(torch.equal(saved[key], fresh[key]) for key in fresh)


def test_a_loss_that_diverges_fails_with_the_reason(make):
    training = {"epochs": 2, "learning_rate": 1e30, "optimizer": "sgd"}
    trial, data, paths = make(training=training)
    with pytest.raises(TrialFailure, match=r"not finite in epoch 1 .*learning_rate 1e\+30"):
        train_trial(trial, data, paths)
    assert not is_trained(trial, paths)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_learns_on_a_gpu_from_the_same_start(make):
    trial, data, paths = make("gpu", training={"epochs": 3})
    history = train_trial(trial, data, paths, device="cuda")
    assert history[-1]["test_accuracy"] > 0.8
    assert next(load_checkpoint(trial, data, paths).parameters()).device.type == "cpu"
    on_cpu = train_trial(*make("cpu", training={"epochs": 3}))
    assert history[0]["train_loss"] == pytest.approx(on_cpu[0]["train_loss"], rel=1e-2)


def test_weights_of_others_are_not_copied_and_must_stay_the_same(make, tmp_path):
    from safetensors.torch import save_file

    trial, data, paths = make(training={"epochs": 1})
    train_trial(trial, data, paths)
    state = load_checkpoint(trial, data, paths).network.state_dict()
    file = tmp_path / "published.safetensors"
    save_file(state, file)
    model = trial.config.model.model_dump() | {"weights": str(file)}
    other, data, paths = make(model=model, training={"epochs": 0})
    assert (other.role, trial.role) == ("trained", "trained")
    train_trial(other, data, paths)
    assert not (paths.checkpoint(0) / WEIGHTS).exists()
    found = load_checkpoint(other, data, paths).network.state_dict()
    assert all(torch.equal(found[name], state[name]) for name in state)
    state["head.bias"] += 1
    save_file(state, file)
    with pytest.raises(TrialFailure, match="are not those that were sealed: put the old ones back"):
        load_checkpoint(other, data, paths)
