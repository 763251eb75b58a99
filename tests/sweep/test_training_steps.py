"""How a step is made changes what it costs, not what it comes to: pieces, bits, compiling."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config import SweepConfig
from sweep.data.partitions import prepare_data
from sweep.errors import TrialFailure, UserError
from sweep.sealing import file_digest
from sweep.space import make_trials
from sweep.sweepfile import parse_sweep
from sweep.training.batches import split_step
from sweep.training.checkpoints import WEIGHTS, load_checkpoint
from sweep.training.pixels import KEPT_BYTES, Pixels, place_for, usable_gpu_bytes
from sweep.training.team import ALONE, Team
from sweep.training.trainer import train_trial

PLAIN = {"name": "mlp", "width": 4, "batch_norm": False}


@pytest.fixture
def train(storage):
    """Trains a network of the given settings; returns its weights and its history."""

    def train_one(model=PLAIN, **training):
        config = SweepConfig.model_validate(
            {"name": "s", "model": model, "training": {"epochs": 1, **training}}
        )
        data = prepare_data(config.data, storage)
        trial = make_trials(config, data.digest)[-1]
        paths = storage.sweep("s").trial(trial.key)
        history = train_trial(trial, data, paths)
        return load_checkpoint(trial, data, paths).state_dict(), history

    return train_one


def assert_close(one, other, tolerance):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=tolerance, atol=tolerance)


@settings(deadline=None)
@given(st.integers(2, 200), st.integers(1, 8), st.integers(1, 9))
def test_every_image_of_a_step_weighs_the_same(count, size, accumulate):
    weights = torch.zeros(count, dtype=torch.float64)
    for rank in range(size):
        share, pieces = split_step(count, Team(rank, size), accumulate)
        own = weights[share]
        assert 1 <= len(pieces) <= accumulate
        for piece in pieces:
            own[piece.rows] += piece.weight / len(own[piece.rows])
            assert len(own[piece.rows]) >= min(2, len(own))
    # Gradients are averaged over the team.
    assert torch.allclose(weights / size, torch.full_like(weights, 1 / count))


def test_a_step_in_one_piece_is_weighted_by_one():
    assert [piece.weight for piece in split_step(61, ALONE, 1)[1]] == [1.0]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("accumulate", [2, 7])
def test_pieces_give_the_weights_of_whole_batches(train, accumulate, optimizer):
    # 1,347 images in batches of 64 leave a last one of 3.
    whole, history = train(optimizer=optimizer, augmentation="crop", label_noise=0.2)
    pieces, same = train(
        optimizer=optimizer, augmentation="crop", label_noise=0.2, accumulate=accumulate
    )
    # AdamW divides by the root of a gradient that may be next to nothing.
    assert_close(whole, pieces, 1e-5 if optimizer == "sgd" else 1e-3)
    assert same[0]["train_loss"] == pytest.approx(history[0]["train_loss"], rel=1e-4)


def test_a_piece_of_one_image_is_refused():
    with pytest.raises(UserError, match="40 pieces of a batch of 64 hold less than two images"):
        parse_sweep("name: s\ntraining: {accumulate: 40}\n", "s")


def test_bfloat16_learns_and_leaves_weights_in_float32(train):
    weights, history = train(precision="bfloat16", epochs=3)
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {
        torch.float32
    }
    exact, reference = train(epochs=3)
    assert history[-1]["train_loss"] == pytest.approx(reference[-1]["train_loss"], rel=0.05)
    assert any(not torch.equal(exact[name], weights[name]) for name in exact)


def test_float16_is_refused_without_a_gpu(train):
    with pytest.raises(TrialFailure, match=r"float16 needs a GPU.*use bfloat16"):
        train(precision="float16")


def test_compiled_steps_give_the_same_network_under_the_same_names(train):
    model = PLAIN | {"depth": 1}
    settings = {"optimizer": "sgd", "num_images": 64}  # one batch: compiled for one shape
    plain, history = train(model, **settings)
    compiled, same = train(model, compile=True, **settings)
    assert_close(plain, compiled, 1e-5)
    assert same[0]["train_loss"] == pytest.approx(history[0]["train_loss"], rel=1e-5)


def test_without_a_compiler_one_line_says_so(train, tmp_path, monkeypatch):
    import torch._inductor.config as inductor

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing compiled earlier
    with (
        inductor.patch({"cpp.cxx": (str(tmp_path / "no-g++"),)}),
        pytest.raises(TrialFailure, match="install a C\\+\\+ compiler on every node") as caught,
    ):
        train(compile=True)
    assert "\n" not in str(caught.value)


# Recorded when these settings came: sealed sweeps are found again.
@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"model": {"name": "mlp"}, "training": {"epochs": 2}}, "a17f53ef9d3a"),
        ({"model": {"name": "vit"}, "training": {"epochs": 1, "dropout": 0.1}}, "de7124e3f559"),
    ],
)
def test_neutral_settings_change_no_key_and_no_name(sections, key, storage):
    def trial_of(**training):
        changed = sections | {"training": sections["training"] | training}
        config = SweepConfig.model_validate({"name": "s", **changed})
        return make_trials(config, prepare_data(config.data, storage).digest)[-1]

    found = trial_of()
    assert found.key == key
    same = trial_of(accumulate=1, precision="float32", compile=False)
    assert (same.key, same.name) == (found.key, found.name)
    others = [trial_of(accumulate=2), trial_of(precision="bfloat16"), trial_of(compile=True)]
    assert len({trial.key for trial in [found, *others]}) == 4
    ends = [trial.name.removesuffix("-s0").rpartition("-")[2] for trial in others]
    assert ends == ["acc2", "bfloat16", "compiled"]


def test_pixels_are_kept_where_they_fit():
    gigabyte = 1 << 30
    assert place_for(gigabyte, None) == "device"
    assert place_for(KEPT_BYTES + 1, None) == "nowhere"
    assert place_for(10 * gigabyte, 40 * gigabyte) == "device"
    assert place_for(gigabyte, 3 * gigabyte) == "host"
    assert place_for(10 * gigabyte, 30 * gigabyte) == "nowhere"
    assert usable_gpu_bytes("cpu", 1.0) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("place", ["device", "host", "nowhere"])
def test_pixels_on_a_gpu_are_those_in_memory(storage, monkeypatch, place):
    from sweep.training import pixels
    from sweep.training.checkpoints import begin_network

    share = {"device": 0.3, "host": 0.0, "nowhere": 0.0}[place]
    monkeypatch.setattr(pixels, "SHARE_OF_GPU", share)
    if place == "nowhere":
        monkeypatch.setattr(pixels, "KEPT_BYTES", 0)
    config = SweepConfig.model_validate({"name": "s"})
    data = prepare_data(config.data, storage)
    preprocessing = begin_network(make_trials(config, data.digest)[-1], data).preprocessing
    kept = Pixels(data.split("train"), preprocessing, "cuda")
    assert kept.place == place
    rows = torch.tensor([5, 0, 700])
    assert kept[rows].device.type == "cuda"
    monkeypatch.undo()
    expected = Pixels(data.split("train"), preprocessing, "cpu")[rows]
    assert torch.equal(kept[rows].cpu(), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_on_a_gpu(storage, precision):
    config = SweepConfig.model_validate(
        {"name": "s", "training": {"epochs": 5, "precision": precision, "accumulate": 2}}
    )
    data = prepare_data(config.data, storage)
    trial = make_trials(config, data.digest)[-1]
    paths = storage.sweep("s").trial(trial.key)
    history = train_trial(trial, data, paths, device="cuda")
    assert history[-1]["test_accuracy"] > 0.8
    assert file_digest(paths.checkpoint(trial.epoch) / WEIGHTS)
