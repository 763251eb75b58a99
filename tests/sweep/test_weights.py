"""Weights: read without code, matched by name, found in the caches' own layouts offline."""

import hashlib
import json
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sweep.config import ModelConfig
from sweep.errors import UserError
from sweep.models.catalog import build_network
from sweep.models.fetching import torch_hub_file
from sweep.models.weights import read_state, with_weights

SEED = 3
ENCODED = SimpleNamespace(
    name="photos", image_shape=None, num_classes=10, mean=[0.4] * 3, std=[0.2] * 3
)
DIGITS = SimpleNamespace(
    name="digits", image_shape=(1, 8, 8), num_classes=10, mean=[0.3], std=[0.4]
)


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No network, and caches of this test alone."""
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise OSError("the network is blocked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def same(state, other):
    return state.keys() == other.keys() and all(torch.equal(state[k], other[k]) for k in state)


def small():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


class TestFiles:
    @pytest.mark.parametrize("nest", [None, "state_dict", "model"])
    @pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod.", "network."])
    def test_torch_files(self, nest, prefix, tmp_path):
        state = small().state_dict()
        named = {prefix + name: tensor for name, tensor in state.items()}
        path = tmp_path / "w.pth"
        torch.save({nest: named, "epoch": 3} if nest else named, path)
        network, outputs = with_weights(lambda n: small(), read_state(path), 3, True, "w.pth")
        assert same(network.state_dict(), state)
        assert outputs == 3

    def test_safetensors(self, tmp_path):
        save_file(small().state_dict(), tmp_path / "w.safetensors")
        assert same(read_state(tmp_path / "w.safetensors"), small().state_dict())

    def test_no_code_is_run(self, tmp_path):
        class Evil:
            def __reduce__(self):
                return (open, (str(tmp_path / "evil"), "w"))

        torch.save({"a": torch.ones(2), "b": Evil()}, tmp_path / "w.pt")
        with pytest.raises(UserError, match=r"w.pt is no whole weights file \(.*more than tensors"):
            read_state(tmp_path / "w.pt")
        assert not (tmp_path / "evil").exists()

    @pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
    def test_half_a_file(self, name, tmp_path):
        path = tmp_path / name
        if name == "w.pt":
            torch.save(small().state_dict(), path)
        else:
            save_file(small().state_dict(), path)
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(UserError, match="is no whole weights file") as caught:
            read_state(path)
        assert "\n" not in str(caught.value)

    def test_what_holds_no_tensors(self, tmp_path):
        for content, message in (
            ({"epoch": 3}, "holds no tensors by name, but epoch"),
            (torch.ones(2), "holds a Tensor, no named tensors"),
        ):
            torch.save(content, tmp_path / "w.pt")
            with pytest.raises(UserError, match=message):
                read_state(tmp_path / "w.pt")

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "w.pt").touch()
        with pytest.raises(UserError, match=r"is no whole weights file \(it is empty\)"):
            read_state(tmp_path / "w.pt")

    def test_no_file(self, tmp_path):
        with pytest.raises(UserError, match=r"there is no file .*w\.pt"):
            read_state(tmp_path / "w.pt")


def heads(num_classes):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, num_classes))


class TestMatching:
    def test_the_head_is_kept_with_its_own_number_of_classes(self):
        network, outputs = with_weights(heads, heads(7).state_dict(), 3, True, "w")
        assert outputs == 7
        assert same(network.state_dict(), heads(7).state_dict())

    def test_a_new_head_leaves_all_else_as_in_the_weights(self):
        state = {name: tensor + 1 for name, tensor in heads(7).state_dict().items()}
        network, outputs = with_weights(heads, state, 3, False, "w")
        assert outputs == 3
        assert torch.equal(network[0].weight, state["0.weight"])
        assert torch.equal(network[1].weight, heads(3)[1].weight)

    def test_what_does_not_fit_is_counted_and_named(self):
        state = heads(3).state_dict()
        state["extra"] = torch.ones(2, 5)
        del state["0.bias"]
        state["0.weight"] = torch.ones(8, 4)
        with pytest.raises(UserError) as caught:
            with_weights(heads, state, 3, True, "w.pt")
        assert str(caught.value) == (
            "model.weights: w.pt doesn't fit the network: 1 of 4 tensors are missing (0.bias 6), "
            "1 are unexpected (extra 2x5), 1 have another shape "
            "(0.weight is 8x4 in the file and 6x4 in the network)"
        )

    def test_whole_numbers_are_no_weights(self):
        state = {name: tensor.to(torch.int64) for name, tensor in heads(3).state_dict().items()}
        with pytest.raises(UserError, match=r"4 are no fractional numbers \(0\.weight is int64 in"):
            with_weights(heads, state, 3, True, "w")

    def test_another_width_is_no_other_head(self):
        state = nn.Sequential(nn.Linear(4, 12), nn.Linear(12, 7)).state_dict()
        for keep_head in (True, False):
            with pytest.raises(UserError, match="4 have another shape"):
                with_weights(heads, state, 3, keep_head, "w")

    def test_a_tensor_under_two_names_is_needed_once(self):
        def tied(num_classes):
            network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, num_classes))
            network[1].weight = network[0].weight
            return network

        state = tied(3).state_dict()
        del state["1.weight"]
        network, _ = with_weights(tied, state, 3, True, "w")
        assert torch.equal(network[1].weight, state["0.weight"])

    @pytest.mark.parametrize("name", ["cnn", "vit"])
    def test_a_family_from_a_file_of_its_own(self, name, tmp_path):
        config = ModelConfig(name=name, width=8, depth=1)
        trained = build_network(config, DIGITS, seed=9)
        path = str(tmp_path / "w.safetensors")
        save_file(trained.state_dict(), path)
        found = build_network(config.model_copy(update={"weights": path}), DIGITS, seed=1)
        assert same(found.state_dict(), trained.state_dict())
        assert found.preprocessing.mean == (0.3,)


def cached_by_torch(name, weights="DEFAULT"):
    """An untrained network's tensors where torch would have put the real ones."""
    from torchvision import models

    entry = models.get_model_weights(name)[weights]
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        state = models.get_model(name, weights=None, **options).state_dict()
    if name.startswith("densenet"):  # the published files are from before names had no dots
        state = {
            k.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "layer" in k else k: v
            for k, v in state.items()
            if "num_batches_tracked" not in k
        }
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / entry.url.rpartition("/")[2])
    return entry, state


class TestTorchvision:
    @pytest.mark.parametrize(
        "name", ["squeezenet1_1", "densenet121", "googlenet", "inception_v3", "mnasnet0_5"]
    )
    def test_cached_weights_give_what_torchvision_gives(self, name):
        from torchvision import models

        entry, _ = cached_by_torch(name)
        config = ModelConfig(name=f"torchvision/{name}", weights="DEFAULT").resolved()
        assert config.weights == entry.name
        network = build_network(config, ENCODED, SEED).eval()
        assert network.num_outputs == 1000
        pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
        reference = models.get_model(name, weights=entry).eval()
        transform = entry.transforms()
        mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (transform.mean, transform.std))
        with torch.no_grad():
            expected = reference((pixels / 255 - mean) / std)
            torch.testing.assert_close(network(pixels), expected, rtol=1e-4, atol=1e-4)

    def test_a_new_head_for_fine_tuning(self):
        _, state = cached_by_torch("shufflenet_v2_x0_5")
        config = ModelConfig(name="torchvision/shufflenet_v2_x0_5", weights="IMAGENET1K_V1")
        network = build_network(config, ENCODED, SEED, keep_head=False)
        found = network.network.state_dict()
        assert network.num_outputs == len(found["fc.bias"]) == 10
        assert all(torch.equal(found[k], v) for k, v in state.items() if not k.startswith("fc."))
        again = build_network(config, ENCODED, SEED, keep_head=False)
        assert same(again.state_dict(), network.state_dict())

    def test_a_file_of_the_users(self, tmp_path):
        from torchvision import models

        path = tmp_path / "mine.pth"
        state = models.get_model("squeezenet1_1", weights=None, num_classes=4).state_dict()
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, path)
        config = ModelConfig(name="torchvision/squeezenet1_1", weights=str(path))
        network = build_network(config, ENCODED, SEED)
        assert network.num_outputs == 4
        assert same(network.network.state_dict(), state)
        # Weights come with the statistics of what they were trained on.
        assert network.preprocessing.mean == (0.485, 0.456, 0.406)

    def test_what_cannot_be_fetched_is_one_line_that_says_where_to_put_it(self, tmp_path, caplog):
        config = ModelConfig(name="torchvision/resnet18", weights="IMAGENET1K_V1")
        with pytest.raises(UserError) as caught:
            build_network(config, ENCODED, SEED)
        place = tmp_path / "torch/hub/checkpoints/resnet18-f37072fd.pth"
        message = str(caught.value)
        assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in message
        assert f"put the file at {place}" in message
        assert "blocked" in message
        assert "\n" not in message
        assert "fetching https://" in caplog.text
        assert not [path for path in (tmp_path / "torch").rglob("*") if path.is_file()]

    def test_a_network_of_one_size_says_so(self):
        config = ModelConfig(name="torchvision/vit_b_16", weights="IMAGENET1K_V1", image_size=64)
        with pytest.raises(UserError, match=r"takes images of \(224, 224\) alone, but got"):
            build_network(config, ENCODED, SEED)


def test_a_download_is_announced_checked_and_whole_or_absent(tmp_path, caplog):
    content = b"weights" * 1000
    digest = hashlib.sha256(content).hexdigest()[:8]
    good, bad = tmp_path / f"a-{digest}.pth", tmp_path / "b-00000000.pth"
    for path in (good, bad):
        path.write_bytes(content)
    found = torch_hub_file(good.as_uri(), "m")
    assert found.read_bytes() == content
    assert caplog.messages == [f"m: fetching {good.as_uri()} to {found}"]
    torch_hub_file("https://nowhere.invalid/" + good.name, "m")  # there already
    with pytest.raises(UserError, match="invalid hash value"):
        torch_hub_file(bad.as_uri(), "m")
    assert [path.name for path in found.parent.iterdir()] == [good.name]


def hub_snapshot(tmp_path, repository, commit="0123456789abcdef"):
    """An empty snapshot as huggingface_hub lays it out."""
    folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    return folder / "snapshots" / commit


class TestTimm:
    NAME = "test_resnet.r160_in1k"

    @pytest.fixture
    def state(self, tmp_path):
        import timm

        state = timm.create_model(self.NAME).state_dict()
        folder = hub_snapshot(tmp_path, f"timm/{self.NAME}")
        save_file(state, folder / "model.safetensors")
        return state

    @pytest.mark.parametrize("name", ["test_resnet", NAME])
    def test_cached_weights_and_their_own_preprocessing(self, name, state):
        config = ModelConfig(name=f"timm/{name}", weights="pretrained")
        network = build_network(config, ENCODED, SEED)
        assert same(network.network.state_dict(), state)
        assert network.num_outputs == 1000
        assert network.preprocessing.size == (160, 160)
        assert network.preprocessing.mean == (0.5, 0.5, 0.5)

    def test_a_new_head(self, state):
        config = ModelConfig(name=f"timm/{self.NAME}", weights="pretrained")
        network = build_network(config, ENCODED, SEED, keep_head=False)
        found = network.network.state_dict()
        assert network.num_outputs == len(found["fc.bias"]) == 10
        assert all(torch.equal(found[k], v) for k, v in state.items() if not k.startswith("fc."))

    def test_weights_that_were_published_in_another_format_too(self, tmp_path):
        """timm's own file of a model whose original is a JAX archive."""
        import timm

        name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
        state = timm.create_model(name).state_dict()
        folder = hub_snapshot(tmp_path, f"timm/{name}")
        save_file(state, folder / "model.safetensors")
        config = ModelConfig(name=f"timm/{name}", weights="pretrained")
        assert same(build_network(config, ENCODED, SEED).network.state_dict(), state)

    def test_a_file_of_another_model(self, state, tmp_path):
        folder = hub_snapshot(tmp_path, "timm/test_vit.r160_in1k")
        save_file(state, folder / "model.safetensors")
        config = ModelConfig(name="timm/test_vit.r160_in1k", weights="pretrained")
        for keep_head in (True, False):
            with pytest.raises(UserError, match=r"with its weights: .*issing key"):
                build_network(config, ENCODED, SEED, keep_head)

    def test_what_cannot_be_fetched(self, tmp_path):
        config = ModelConfig(name="timm/test_vit.r160_in1k", weights="pretrained")
        with pytest.raises(UserError) as caught:
            build_network(config, ENCODED, SEED)
        place = tmp_path / "hub/models--timm--test_vit.r160_in1k/snapshots/main/model.safetensors"
        assert f"(the network is blocked); put it at {place}, or set HF_HOME" in str(caught.value)

    def test_put_where_the_message_says(self, tmp_path):
        import timm

        state = timm.create_model("test_vit.r160_in1k").state_dict()
        place = tmp_path / "hub/models--timm--test_vit.r160_in1k/snapshots/main/model.safetensors"
        place.parent.mkdir(parents=True)
        save_file(state, place)
        config = ModelConfig(name="timm/test_vit.r160_in1k", weights="pretrained")
        assert same(build_network(config, ENCODED, SEED).network.state_dict(), state)


class TestHuggingFace:
    REPOSITORY = "somebody/tiny-resnet"

    @pytest.fixture
    def folder(self, tmp_path):
        import transformers

        folder = hub_snapshot(tmp_path, self.REPOSITORY)
        own = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=7
        )
        with torch.random.fork_rng():
            torch.manual_seed(5)
            transformers.ResNetForImageClassification(own).save_pretrained(folder)
        transformers.ViTImageProcessor(
            size={"height": 48, "width": 48}, image_mean=[0.1] * 3, image_std=[0.3] * 3
        ).save_pretrained(folder)
        return folder

    def test_cached_weights_and_their_own_preprocessing(self, folder):
        config = ModelConfig(name=f"hf/{self.REPOSITORY}", weights="pretrained")
        for name in (f"hf/{self.REPOSITORY}", f"hf/{folder}"):
            network = build_network(config.model_copy(update={"name": name}), ENCODED, SEED)
            assert same(network.network.state_dict(), read_state(folder / "model.safetensors"))
            assert network.num_outputs == 7
            assert network.preprocessing.size == (48, 48)
            assert network.preprocessing.mean == (0.1, 0.1, 0.1)
            assert network.eval()(torch.zeros(2, 3, 48, 48)).shape == (2, 7)

    def test_a_new_head_and_an_untrained_twin(self, folder):
        config = ModelConfig(name=f"hf/{self.REPOSITORY}", weights="pretrained")
        tuned = build_network(config, ENCODED, SEED, keep_head=False)
        assert tuned.num_outputs == len(tuned.network.classifier[1].bias) == 10
        stored = read_state(folder / "model.safetensors")
        name = "resnet.embedder.embedder.convolution.weight"
        assert torch.equal(tuned.network.state_dict()[name], stored[name])
        twin = build_network(ModelConfig(name=config.name), ENCODED, SEED)
        assert not torch.equal(twin.network.state_dict()[name], stored[name])
        assert twin.num_outputs == 10

    def test_a_backbone_gets_a_head_from_the_seed(self, folder, caplog):
        state = read_state(folder / "model.safetensors")
        bare = {name: tensor for name, tensor in state.items() if "classifier" not in name}
        save_file(bare, folder / "model.safetensors", metadata={"format": "pt"})
        config = ModelConfig(name=f"hf/{folder}", weights="pretrained")
        one, same_seed = (build_network(config, ENCODED, SEED) for _ in range(2))
        assert same(one.state_dict(), same_seed.state_dict())
        assert one.num_outputs == 10
        assert "is published without a head" in caplog.text

    def test_weights_that_lack_more_than_a_head(self, folder):
        state = read_state(folder / "model.safetensors")
        state.pop("resnet.embedder.embedder.convolution.weight")
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        config = ModelConfig(name=f"hf/{folder}", weights="pretrained")
        for keep_head in (True, False):
            with pytest.raises(UserError, match=r"lack 1 tensors .* \(resnet.embedder"):
                build_network(config, ENCODED, SEED, keep_head)

    def test_a_cache_without_the_processor_says_so(self, folder):
        (folder / "preprocessor_config.json").unlink()
        config = ModelConfig(name=f"hf/{self.REPOSITORY}", weights="pretrained")
        with pytest.raises(UserError, match=r"preprocessor_config.json of somebody/tiny"):
            build_network(config, ENCODED, SEED)
        # The hub said once that there is none: then the type's own is taken.
        absent = folder.parent.parent / ".no_exist" / folder.name
        absent.mkdir(parents=True)
        (absent / "preprocessor_config.json").touch()
        assert build_network(config, ENCODED, SEED).preprocessing.size == (384, 384)

    def test_remote_code_is_not_run(self, folder):
        text = json.loads((folder / "config.json").read_text())
        text["model_type"] = "mine"
        text["auto_map"] = {"AutoConfig": "evil.Config"}
        (folder / "config.json").write_text(json.dumps(text))
        (folder / "evil.py").write_text("raise SystemExit('code was run')")
        with pytest.raises(UserError, match="can't be used as an image classifier"):
            build_network(ModelConfig(name=f"hf/{folder}"), ENCODED, SEED)

    def test_what_cannot_be_fetched(self, tmp_path):
        with pytest.raises(UserError) as caught:
            build_network(ModelConfig(name="hf/some/net"), ENCODED, SEED)
        place = tmp_path / "hub/models--some--net/snapshots/main/config.json"
        assert "config.json of some/net can't be fetched" in str(caught.value)
        assert f"put it at {place}" in str(caught.value)
