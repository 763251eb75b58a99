"""Channels last in memory: faster, the same logits, and only where a network bears it."""

import pytest
import torch
from torch import nn

from sweep.models.catalog import ImageNetwork
from sweep.models.layout import lay_out
from sweep.models.preprocessing import Preprocessing


class Viewing(nn.Module):
    """Asks for memory that lies with channels first, and fails otherwise."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)

    def forward(self, images):
        return self.convolution(images).view(len(images), -1)


class Striding(Viewing):
    """Reads memory in its own order, and says something else without failing."""

    def forward(self, images):
        found = self.convolution(images)
        return found.as_strided((len(images), 5), (found.stride(0), 1))


class Plain(Viewing):
    def forward(self, images):
        return self.convolution(images).flatten(1)


class Deep(Plain):
    """Has a convolution in three dimensions too, to which the format doesn't apply."""

    def __init__(self):
        super().__init__()
        self.volume = nn.Conv3d(1, 1, 3, padding=1)

    def forward(self, images):
        return self.volume(self.convolution(images)[:, None]).flatten(1)


class Noisy(Plain):
    """Draws random numbers even in evaluation."""

    def forward(self, images):
        found = super().forward(images)
        return found + torch.randn_like(found)


def image_network(network):
    torch.manual_seed(0)
    preprocessing = Preprocessing(None, None, "bilinear", 3, mean=(0.5,) * 3, std=(0.25,) * 3)
    return ImageNetwork(network, preprocessing, num_outputs=2)


IMAGES = torch.randint(
    0, 256, (5, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Plain, torch.channels_last),
        (Deep, torch.channels_last),
        (Viewing, torch.contiguous_format),
        (Striding, torch.contiguous_format),
    ],
)
def test_the_logits_decide(kind, expected):
    network = image_network(kind())
    before = network(IMAGES)
    lay_out(network, IMAGES)
    assert network.memory_format == expected
    weight = network.network.convolution.weight
    assert weight.is_contiguous(memory_format=expected)
    torch.testing.assert_close(network(IMAGES), before, rtol=1e-5, atol=1e-5)


def test_random_numbers_are_the_same_for_both_and_left_as_they_were():
    network = image_network(Noisy())
    state = torch.random.get_rng_state()
    lay_out(network, IMAGES)
    assert network.memory_format == torch.channels_last
    assert torch.equal(torch.random.get_rng_state(), state)


def test_without_convolutions_nothing_is_tried():
    network = image_network(nn.Sequential(nn.Flatten(), nn.Linear(243, 2)))
    network.forward = None  # it would fail
    lay_out(network, IMAGES)
    assert network.memory_format == torch.contiguous_format
