"""Activations handed on: exactly what the module gave, in order, or a plain failure."""

import pytest
import torch
from torch import nn

from sweep.errors import TrialFailure
from sweep.models.layers import find_layers
from sweep.models.recording import recording


def recorded(network, layers, *batches):
    """Rows by layer name, over some passes."""
    kept = {layer.name: [] for layer in layers}
    network.eval()
    with (
        recording(network, layers, lambda layer, rows: kept[layer.name].append(rows.clone())),
        torch.no_grad(),
    ):
        for batch in batches:
            network(batch)
    return {name: torch.cat(rows) for name, rows in kept.items()}


def test_what_is_written_over_in_place_is_kept_as_it_was():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2)
    )
    images = torch.randn(6, 1, 4, 4)
    layers = find_layers(network, images, ["input", "0", "1", "3.input", "3"])
    rows = recorded(network, layers, images[:4], images[4:])
    with torch.no_grad():
        convolved = nn.functional.conv2d(images, network[0].weight, network[0].bias).flatten(1)
    assert torch.equal(rows["input"], images.flatten(1))
    assert torch.allclose(rows["0"], convolved)
    assert (rows["0"] < 0).any()
    assert torch.equal(rows["1"], rows["0"].relu())
    assert torch.equal(rows["3.input"], rows["1"])


class Shared(nn.Module):
    """One module called twice, giving a tuple."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = Doubling(), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(self.layer(x)[1])[1])


class Doubling(nn.Module):
    def forward(self, x):
        return x.argmax(1), x * 2


class Positioned(nn.Module):
    """Gives what is the same for all images before what is of each."""

    def __init__(self):
        super().__init__()
        self.add, self.head = Adding(), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.add(x)[1])


class Adding(nn.Module):
    def forward(self, x):
        position = torch.arange(4.0)[None] + 0 * x.sum(0, keepdim=True)
        return position, x + position


def test_one_image_alone_is_told_from_what_all_share():
    network, images = Positioned(), torch.randn(5, 4)
    layers = find_layers(network, images, ["add"])
    together = recorded(network, layers, images)["add"]
    apart = recorded(network, layers, images[:4], images[4:])["add"]
    assert torch.equal(together, images + torch.arange(4.0))
    assert torch.equal(apart, together)


def test_each_call_is_a_layer():
    network, images = Shared(), torch.randn(5, 4)
    layers = find_layers(network, images, ["layer", "layer:2", "layer.input:2"])
    rows = recorded(network, layers, images)
    assert torch.equal(rows["layer"], images * 2)
    assert torch.equal(rows["layer:2"], images * 4)
    assert torch.equal(rows["layer.input:2"], images * 2)


def test_rows_are_in_logical_order_whatever_the_memory_format():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(36, 2))
    images = torch.randn(3, 3, 5, 5)
    layers = find_layers(network, images, ["0"])
    plain = recorded(network, layers, images)["0"]
    network = network.to(memory_format=torch.channels_last)
    last = recorded(network, layers, images.contiguous(memory_format=torch.channels_last))["0"]
    assert torch.allclose(plain, last, atol=1e-6)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, 3))
        self.join, self.head = nn.Identity(), nn.Linear(3, 2)

    def forward(self, x):
        x = self.join(torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + 0)
        return self.head(x[:, 0])


def test_tokens_are_reduced():
    network, images = Tokens(), torch.randn(3, 6, 3)
    joined = torch.cat([network.cls_token.detach().expand(3, -1, -1), images], dim=1)
    expected = {"flattened": joined.flatten(1), "mean": joined.mean(1), "class": joined[:, 0]}
    for tokens, rows in expected.items():
        layers = find_layers(network, images, ["join"], tokens)
        assert layers[0].num_units == rows.shape[1]
        assert torch.allclose(recorded(network, layers, images)["join"], rows)


class Fickle(nn.Module):
    """Leaves out a module, or changes its shape, when told to."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Identity(), nn.Linear(4, 2)
        self.mood = "usual"

    def forward(self, x):
        if self.mood == "other shape":
            self.layer(x[:, :2] + 1)
        elif self.mood == "usual":
            self.layer(x + 1)
        return self.head(x)


@pytest.mark.parametrize(
    ("mood", "message"),
    [
        ("left out", "layer layer was not called in this pass"),
        ("other shape", r"layer layer has shape \(5, 2\) for 5 images, but \(5, 4\) was expected"),
    ],
)
def test_a_layer_that_is_not_as_it_was_found_is_told(mood, message):
    network, images = Fickle(), torch.randn(5, 4)
    layers = find_layers(network, images, ["layer"])
    assert list(recorded(network, layers, images)) == ["layer"]
    network.mood = mood
    with pytest.raises(TrialFailure, match=message):
        recorded(network, layers, images)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_another_network_is_told():
    network = Fickle()
    layers = find_layers(network, torch.randn(5, 4), ["layer"])
    with pytest.raises(TrialFailure, match="layer layer: the network has no module layer"):
        recorded(nn.Sequential(nn.Linear(4, 2)), layers, torch.randn(5, 4))
