"""Every family builds, learns its shape from the data, and knows its layers."""

import pytest
import torch
import torchvision
from torch import nn

from sweep.config import DataConfig, ModelConfig
from sweep.data.partitions import prepare_data
from sweep.errors import TrialFailure
from sweep.models import FAMILIES
from sweep.models.catalog import build_model
from sweep.models.layers import profile_layers


@pytest.fixture
def data(storage):
    return prepare_data(DataConfig(), storage)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
class TestFamily:
    def test_gives_logits_for_images(self, name, batch_norm, data):
        config = ModelConfig(name=name, width=6, depth=2, batch_norm=batch_norm)
        network = build_model(config, data, seed=0).eval()
        images = torch.from_numpy(data.split("test").images[:5].copy())
        assert network(images).shape == (5, 10)
        has_norm = any("BatchNorm" in type(module).__name__ for module in network.modules())
        assert has_norm == batch_norm

    def test_is_fixed_by_its_seed_and_leaves_the_global_one(self, name, batch_norm, data):
        config = ModelConfig(name=name, width=6, depth=1, batch_norm=batch_norm)
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one, same, other = (build_model(config, data, seed).state_dict() for seed in (3, 3, 4))
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)

    def test_profile_runs_from_input_to_output(self, name, batch_norm, data):
        config = ModelConfig(name=name, width=6, depth=2, batch_norm=batch_norm)
        network = build_model(config, data, seed=0)
        images = torch.from_numpy(data.split("train").images[:8].copy())
        layers = profile_layers(network, images)
        depths = [layer.relative_depth for layer in layers]
        assert depths == sorted(depths)
        assert (depths[0], depths[-1]) == (0, 1)
        assert [layer.index for layer in layers] == list(range(len(layers)))
        (last,) = [layer for layer in layers if layer.last_hidden]
        assert last.index == len(layers) - 2
        assert last.num_units == network.head.in_features


# Relative depths of Figure 3 of Ansuini et al. (NeurIPS 2019), read off the figure: max-pool,
# layer1 to layer4, avg-pool, fc. 18 and 50 are the basic and the bottleneck block.
PUBLISHED = {
    "resnet18": [0.053, 0.263, 0.474, 0.684, 0.895, 0.947, 1.0],
    "resnet50": [0.020, 0.196, 0.431, 0.784, 0.961, 0.980, 1.0],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_relative_depth_is_the_published_one(name):
    network = torchvision.models.get_model(name)
    layers = {layer.name: layer for layer in profile_layers(network, torch.randn(2, 3, 64, 64))}
    names = ["maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    found = [layers[name].relative_depth for name in names]
    assert found == pytest.approx(PUBLISHED[name], abs=5e-4)
    assert layers["avgpool"].last_hidden


class TwoBranches(nn.Module):
    """A branch of one convolution beside a branch of three."""

    def __init__(self):
        super().__init__()
        self.short = nn.Conv2d(1, 4, 1)
        self.long = nn.Sequential(*[nn.Conv2d(i, 4, 1) for i in (1, 4, 4)])
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head((self.short(x) + self.long(x)).mean(dim=(2, 3)))


def test_where_branches_meet_the_longest_path_counts():
    found = profile_layers(TwoBranches(), torch.randn(2, 1, 4, 4))
    assert [layer.name for layer in found] == ["short", "long", "head.input", "head"]
    layers = {layer.name: layer for layer in found}
    assert layers["short"].relative_depth == 1 / 4
    assert layers["long"].relative_depth == 3 / 4
    # No child's output enters the classifier as it is, so its input is a layer of its own.
    assert layers["head.input"].last_hidden
    assert layers["head.input"].relative_depth == 3 / 4


def test_a_child_that_only_reshapes_is_no_layer():
    network = nn.Sequential(nn.Linear(6, 4), nn.Unflatten(1, (2, 2)), nn.Flatten(), nn.Linear(4, 3))
    assert [layer.name for layer in profile_layers(network, torch.randn(3, 6))] == ["0", "3"]


def test_layers_do_not_depend_on_the_weights():
    """Dead layers all give zeros: equal numbers are not the same layer."""
    network = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(4)])
    network.append(nn.Linear(4, 2))
    alive = [layer.name for layer in profile_layers(network, torch.randn(3, 4))]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(-1.0)
    dead = profile_layers(network, torch.rand(3, 4))
    assert [layer.name for layer in dead] == alive == ["0", "1", "2", "3", "4"]
    assert [layer.last_hidden for layer in dead] == [False, False, False, True, False]


def test_tracing_changes_nothing_of_the_network():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    profile_layers(network, torch.randn(8, 4))
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_a_network_without_layers_is_told():
    with pytest.raises(TrialFailure, match="no linear or convolutional layer"):
        profile_layers(nn.Sequential(nn.ReLU()), torch.randn(2, 3))
