"""Our small networks: any small image, any kernel, the same numbers for the same seed."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sweep.config import ModelConfig
from sweep.models import FAMILIES
from sweep.models.catalog import build_network
from sweep.models.patches import patch_side

WITH_KERNELS = [name for name, family in FAMILIES.items() if "kernel_size" in family.usual]


def data(shape, num_classes=10):
    channels = shape[0]
    return SimpleNamespace(
        name="any",
        image_shape=shape,
        num_classes=num_classes,
        mean=[0.3] * channels,
        std=[0.2] * channels,
    )


def images(shape, n=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", FAMILIES)
class TestFamily:
    @pytest.mark.parametrize(
        "shape",
        [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 64, 64), (3, 1, 1), (2, 5, 9)],
    )
    def test_gives_logits_for_images_of_any_size(self, name, shape):
        network = build_network(ModelConfig(name=name), data(shape), seed=0)
        logits = network.train()(images(shape))
        assert logits.shape == (3, 10)
        torch.autograd.backward(logits.sum())
        # Every weight takes part.
        assert all(p.grad is not None for p in network.parameters())

    def test_is_fixed_by_its_seed_and_leaves_the_global_one(self, name):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one, same, other = (
            build_network(ModelConfig(name=name), data((1, 8, 8)), seed).state_dict()
            for seed in (3, 3, 4)
        )
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)

    def test_width_and_depth_make_it_larger(self, name):
        def size(**settings):
            network = build_network(ModelConfig(name=name, **settings), data((1, 8, 8)), 0)
            return sum(parameter.numel() for parameter in network.parameters())

        assert size(width=16) < size(width=32)
        if "depth" in FAMILIES[name].usual:
            assert size(depth=1) < size(depth=2)

    def test_batch_norm_where_it_has_the_setting(self, name):
        for batch_norm in (True, False):
            if "batch_norm" in FAMILIES[name].usual:
                config = ModelConfig(name=name, batch_norm=batch_norm)
                network = build_network(config, data((1, 8, 8)), 0)
                kinds = {type(module).__name__ for module in network.modules()}
                assert bool(kinds & {"BatchNorm1d", "BatchNorm2d"}) == batch_norm

    def test_an_image_does_not_see_the_others_of_its_batch(self, name):
        network = build_network(ModelConfig(name=name), data((3, 16, 16)), 0).eval()
        pixels = images((3, 16, 16), 4)
        with torch.no_grad():
            alone = torch.cat([network(pixels[i : i + 1]) for i in range(4)])
            torch.testing.assert_close(network(pixels), alone, rtol=1e-4, atol=1e-5)

    def test_ends_in_a_linear_head(self, name):
        children = dict(build_network(ModelConfig(name=name), data((1, 8, 8)), 0).named_children())
        assert list(children) == ["input", "network"]
        stages = dict(children["network"].named_children())
        assert list(stages)[-1] == "head"
        assert isinstance(stages["head"], nn.Linear)


@pytest.mark.parametrize("name", WITH_KERNELS)
@pytest.mark.parametrize("kernel_size", [3, 5, 7, 9])
def test_kernels_of_the_size_asked_for(name, kernel_size):
    config = ModelConfig(name=name, kernel_size=kernel_size, width=4, depth=2)
    network = build_network(config, data((1, 8, 8)), 0)
    spatial = [
        module.kernel_size
        for path, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and module.padding != (0, 0) and "down" not in path
    ]
    assert spatial
    assert set(spatial) == {(kernel_size, kernel_size)}
    assert network(images((1, 8, 8))).shape == (3, 10)


@pytest.mark.parametrize("name", ["separable", "convnext", "convmixer"])
def test_depthwise_kernels_are_to_be_found(name):
    network = build_network(ModelConfig(name=name), data((1, 8, 8)), 0)
    depthwise = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
    ]
    assert len(depthwise) >= 4


# Sums of absolute parameters as drawn before kernels and patches were settings.
DRAWN = {
    "mlp": 47.57329321675934,
    "cnn": 179.1141320552997,
    "resnet": 351.45109411001613,
    "separable": 131.99397052067798,
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_parameters_are_drawn_as_ever(name):
    config = ModelConfig(name=name, width=6, depth=2, batch_norm=False)
    state = build_network(config, data((1, 8, 8)), seed=4).network.state_dict()
    total = float(sum(tensor.double().abs().sum() for tensor in state.values()))
    assert total == pytest.approx(DRAWN[name], rel=1e-6)


def test_patches_leave_at_most_so_many_cells():
    for side in range(1, 260):
        patch = patch_side((3, side, side), 8)
        assert side // patch <= 8
        assert patch == 1 or side > 4 * patch
        assert 1 <= patch <= side
