"""What is recorded is what the layer gave, whatever the network does to it afterwards."""

import numpy as np
import pytest
import torch
from torch import nn

from sweep.measuring.activations import record_activations
from sweep.measuring.store import ArrowStore, MemoryStore, write_part
from sweep.models.catalog import ImageNetwork
from sweep.models.layers import find_layers
from sweep.models.preprocessing import Preprocessing
from sweep.sealing import is_sealed


class Images:
    """A split of images in memory."""

    def __init__(self, images):
        self.images = images

    def stored(self, rows):
        return self.images[rows]


@pytest.fixture
def split():
    return Images(np.random.default_rng(0).integers(0, 255, (30, 1, 4, 4)).astype(np.uint8))


@pytest.fixture
def network():
    torch.manual_seed(0)
    # The ReLU works in place: it overwrites what the linear layer before it gave.
    inner = nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), nn.ReLU(inplace=True), nn.Linear(8, 3)
    ).eval()
    plain = Preprocessing(None, None, "bilinear", 1, (0.5,), (0.25,))
    return ImageNetwork(inner, plain, 3)


@pytest.fixture
def layers(network, split):
    return find_layers(network, torch.from_numpy(split.stored(np.arange(3))), ["all"])


def recorded(network, layers, split, batch_size, **options):
    store = MemoryStore(layers, 30)
    rows = np.arange(30)
    record_activations(network, layers, split, rows, batch_size, store.write, **options)
    return {layer.name: store.points(layer).rows(0, 30) for layer in layers}


def test_in_place_activations_do_not_corrupt_the_record(network, layers, split):
    found = recorded(network, layers, split, batch_size=7)
    with torch.no_grad():
        pixels = network.input(torch.from_numpy(split.images))
        before = network.network[1](pixels.flatten(1))
    assert (before < 0).any()
    torch.testing.assert_close(found["1"], before)
    torch.testing.assert_close(found["2"], before.relu())
    assert [layer.name for layer in layers if layer.last_hidden] == ["2"]


def test_same_images_same_order_whatever_the_batch(network, layers, split):
    one = recorded(network, layers, split, batch_size=30)
    many = recorded(network, layers, split, batch_size=4)
    for layer in layers:
        assert one[layer.name].shape == (30, layer.num_units)
        torch.testing.assert_close(one[layer.name], many[layer.name])


def test_bfloat16_computes_in_bfloat16_and_keeps_float32(network, layers, split):
    exact = recorded(network, layers, split, batch_size=30)["1"]
    rough = recorded(network, layers, split, batch_size=30, dtype="bfloat16")["1"]
    assert rough.dtype == torch.float32
    assert torch.equal(rough, rough.bfloat16().float())
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.05)


def test_files_give_the_bits_of_memory(network, layers, split, tmp_path):
    expected = recorded(network, layers, split, batch_size=4)
    folders = [tmp_path / "part-0000", tmp_path / "part-0001"]
    for folder, rows in zip(folders, (np.arange(16), np.arange(16, 30)), strict=True):
        with write_part(folder, layers) as write:
            record_activations(
                network, layers, split, rows, 4, lambda layer, _, values: write(layer, values)
            )
    store = ArrowStore(folders)
    for layer in layers:
        points = store.points(layer)
        assert points.num_points == 30
        assert torch.equal(points.rows(0, 30), expected[layer.name])
        assert torch.equal(points.rows(14, 19), expected[layer.name][14:19])


def test_a_part_that_fails_leaves_nothing(network, layers, split, tmp_path):
    folder = tmp_path / "part-0000"

    def fail():
        with write_part(folder, layers) as write:
            write(layers[0], torch.zeros(2, layers[0].num_units))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not is_sealed(folder)
    assert not list(tmp_path.iterdir())
