"""Without its numbers a network shows the same layers, and has them back afterwards."""

import pytest
import torch
from torch import nn

from sweep.models.catalog import build_network
from sweep.models.layers import find_layers
from sweep.models.survey import StandIn, named_model
from sweep.models.weightless import weightless

DATA = StandIn((3, 32, 32), 10, (0.5,) * 3, (0.25,) * 3)
IMAGES = torch.zeros((5, 3, 32, 32), dtype=torch.uint8)


@pytest.mark.parametrize("name", ["cnn", "vit", "convnext", "torchvision/resnet18"])
def test_layers_are_those_of_the_real_network(name):
    network = build_network(named_model(name), DATA, seed=0).eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with weightless(network):
        found = find_layers(network, IMAGES.to("meta"), ["all"])
    assert found == find_layers(network, IMAGES, ["all"])
    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


def test_shared_weights_stay_shared_and_errors_give_them_back():
    network = Tied()
    weight = network.first.weight

    def fail():
        with weightless(network):
            assert network.second.weight is network.first.weight
            assert network.first.weight.device.type == "meta"
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert network.first.weight is weight
    assert network.second.weight is weight
