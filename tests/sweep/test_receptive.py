"""Centers of receptive fields, held against where gradients really come from."""

import pytest
import torch
from torch import nn

from sweep.models.layers import Layer, find_layers


def evened(network):
    """All weights alike, so that a cell's gradient lies evenly over its receptive field."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.zero_()
    return network.double().eval()


def center_of_gradient(network, size, row, column):
    """Where the gradient of one cell of the output is centered, in pixels of the input."""
    images = torch.rand((1, 1, size, size), dtype=torch.float64, requires_grad=True)
    network(images)[0, 0, row, column].backward()
    weights = images.grad[0, 0].abs()
    places = torch.arange(size, dtype=torch.float64)
    total = weights.sum()
    return float(weights.sum(1) @ places / total), float(weights.sum(0) @ places / total)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(
            nn.Conv2d(1, 1, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(1, 1, 3, padding=1)
        )
        self.short = nn.Conv2d(1, 1, 1, stride=2)

    def forward(self, images):
        return torch.relu(self.long(images) + self.short(images))


NETWORKS = {
    "same": nn.Conv2d(1, 1, 3, padding=1),
    "valid": nn.Sequential(nn.Conv2d(1, 1, 5), nn.ReLU(), nn.Conv2d(1, 1, 3)),
    "strided": nn.Sequential(nn.Conv2d(1, 1, 7, stride=2, padding=3), nn.Conv2d(1, 1, 4, stride=2)),
    "dilated": nn.Conv2d(1, 1, 3, dilation=3, padding=1),
    "uneven": nn.Conv2d(1, 1, (3, 5), stride=(2, 1), padding=(0, 2)),
    "average": nn.Sequential(nn.Conv2d(1, 1, 3), nn.AvgPool2d(2), nn.Conv2d(1, 1, 3, padding=1)),
    "adaptive": nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.AdaptiveAvgPool2d(8)),
    "residual": nn.Sequential(Residual(), Residual()),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_cells_are_centered_where_their_gradient_is(name):
    body = evened(NETWORKS[name])
    whole = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 3)).double()
    size = 32
    sample = torch.zeros((5, 1, size, size), dtype=torch.float64)
    (layer,) = find_layers(whole, sample, ["0"])
    centers = layer.centers
    assert centers.cells == layer.shape[1:]
    for place in (0.4, 0.6):  # away from the border, which cuts receptive fields off
        row, column = (int(place * cells) for cells in centers.cells)
        expected = tuple(
            start + index * step
            for start, step, index in zip(centers.start, centers.step, (row, column), strict=True)
        )
        assert center_of_gradient(body, size, row, column) == pytest.approx(expected, abs=1e-9)


def test_largest_values_are_pooled_about_the_middle_of_their_window():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.MaxPool2d(3, 2, 1), nn.Flatten(), nn.Linear(128, 2)
    )
    (layer,) = find_layers(network, torch.zeros(5, 1, 16, 16), ["1"])
    assert (layer.centers.start, layer.centers.step) == ((0, 0), (2, 2))


def test_what_has_other_cells_says_so():
    """After a flattening the cells are those of the map that it was made from."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 4), nn.Linear(4, 2))
    layers = find_layers(network, torch.zeros(5, 1, 8, 8), ["0", "2"])
    assert [layer.centers.cells == layer.shape[1:] for layer in layers] == [True, False]


def test_layers_come_back_from_json():
    from dataclasses import asdict

    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 4), nn.Linear(4, 2))
    for layer in find_layers(network, torch.zeros(5, 1, 8, 8)):
        assert Layer.from_json(asdict(layer)) == layer
