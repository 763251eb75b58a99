"""What is recorded is what the layer gave, whatever the network does to it afterwards."""

import numpy as np
import pytest
import torch
from torch import nn

from sweep.errors import TrialFailure
from sweep.measuring.activations import record_activations
from sweep.models.layers import profile_layers


class Cast(nn.Module):
    def forward(self, images):
        return images.float().flatten(1)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 255, (30, 1, 4, 4)).astype(np.uint8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    # The ReLU works in place: it overwrites what the linear layer before it gave.
    return nn.Sequential(Cast(), nn.Linear(16, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)).eval()


def test_in_place_activations_do_not_corrupt_the_record(network, images):
    layers = profile_layers(network, torch.from_numpy(images[:4]))
    store = record_activations(network, layers, images, batch_size=7)
    with torch.no_grad():
        before = network[1](network[0](torch.from_numpy(images)))
    assert (before < 0).any()
    linear, relu = (layer for layer in layers if layer.name in ("1", "2"))
    torch.testing.assert_close(store.points(linear), before)
    torch.testing.assert_close(store.points(relu), before.relu())
    assert relu.last_hidden
    assert not linear.last_hidden


def test_same_images_same_order_whatever_the_batch(network, images):
    layers = profile_layers(network, torch.from_numpy(images[:4]))
    one = record_activations(network, layers, images, batch_size=30)
    many = record_activations(network, layers, images, batch_size=4)
    for layer in layers:
        assert one.points(layer).shape == (30, layer.num_units)
        torch.testing.assert_close(one.points(layer), many.points(layer))


def test_an_activation_that_is_not_finite_is_named(network, images):
    layers = profile_layers(network, torch.from_numpy(images[:4]))
    with torch.no_grad():
        network[3].bias.fill_(torch.nan)
    with pytest.raises(TrialFailure, match="layer 3 has NaN or infinite"):
        record_activations(network, layers, images, batch_size=30)
    assert not any(module._forward_hooks for module in network.modules())
