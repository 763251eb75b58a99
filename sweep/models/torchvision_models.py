"""Networks of torchvision: every classifier of `torchvision.models`."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import nn

from sweep.errors import UserError
from sweep.models.fetching import torch_hub_file
from sweep.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from sweep.models.settings import is_file_name
from sweep.models.weights import State, read_state, with_weights

if TYPE_CHECKING:
    from sweep.config import ModelConfig

# The argument of those that are built for images of one size.
FIXED_SIZE = {"vit_": "image_size", "maxvit_": "input_size"}
# These have classifiers for training beside the real one; no output in evaluation needs them.
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
# Files from before dots were refused in module names (torchvision remaps them likewise).
OLD_DENSENET = re.compile(
    r"^(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\.(?:weight|bias|running_mean|running_var))$"
)


@cache
def names() -> tuple[str, ...]:
    """All that torchvision registers as classifiers."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def check_weights(name: str, weights: str) -> None:
    """Raises UserError that lists the named weights if `weights` is none of them."""
    if not is_file_name(weights) and weights not in (*_weight_names(name), "DEFAULT"):
        raise UserError(
            f"torchvision/{name} has no weights {weights!r}: "
            f"{', '.join(_weight_names(name))}, DEFAULT or a file (.safetensors, .pt, .pth)"
        )


def weights_name(name: str, weights: str) -> str:
    """What DEFAULT stands for; other names stay."""
    from torchvision import models

    if weights != "DEFAULT":
        return weights
    return str(models.get_model_weights(name).DEFAULT.name)


def preprocessing(config: ModelConfig) -> Preprocessing:
    """That of the named weights, else of the first weights that take the smallest images."""
    from torchvision import models

    name = config.name.partition("/")[2]
    weights = models.get_model_weights(name)
    if config.weights is not None and not is_file_name(config.weights):
        return _published(weights[config.weights])
    if not len(weights):
        return Preprocessing((224, 224), 256, "bilinear", 3, IMAGENET_MEAN, IMAGENET_STD)
    return min((_published(entry) for entry in weights), key=lambda p: p.size or (0, 0))


def has_fixed_size(config: ModelConfig) -> bool:
    """Whether the network is built for images of one size."""
    return _size_argument(config.name.partition("/")[2]) is not None


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """The network at initialization, for images of (C, H, W)."""
    from torchvision import models

    name = config.name.partition("/")[2]
    options: dict[str, Any] = {}
    argument = _size_argument(name)
    if argument is not None:
        options[argument] = image_shape[1:] if argument == "input_size" else image_shape[1]
    if name in AUXILIARY:
        # Their published weights expect the normalization of the original authors.
        named = config.weights is not None
        options.update(aux_logits=False, init_weights=not named, transform_input=named)
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    return network


def load(
    config: ModelConfig,
    weights: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    keep_head: bool,
) -> tuple[nn.Module, int]:
    """The network with weights by name, and its number of classes."""
    from torchvision import models

    name = config.name.partition("/")[2]
    entry = models.get_model_weights(name)[weights]
    own = _published(entry).size
    if _size_argument(name) is not None and own != image_shape[1:]:
        raise UserError(
            f"{config.name} with {weights} takes images of {own} alone, but got "
            f"{image_shape[1:]}: leave model.image_size out"
        )
    path = torch_hub_file(entry.url, config.name)
    if keep_head and entry.meta["categories"]:
        num_classes = len(entry.meta["categories"])  # so that it is built once
    return with_weights(
        lambda number: build(config, number, image_shape),
        renamed(name, read_state(path)),
        num_classes,
        keep_head,
        f"{weights} of {config.name}",
    )


def renamed(name: str, state: State) -> State:
    """The tensors of a file of torchvision's under the names of the network that we build."""
    if name.startswith("densenet"):
        return {OLD_DENSENET.sub(r"\1\2", key): tensor for key, tensor in state.items()}
    skipped = AUXILIARY.get(name, ())
    return {
        key: tensor
        for key, tensor in state.items()
        if not key.removeprefix("module.").startswith(skipped)
    }


def _weight_names(name: str) -> list[str]:
    from torchvision import models

    return [entry.name for entry in models.get_model_weights(name)]


def _size_argument(name: str) -> str | None:
    return next((arg for start, arg in FIXED_SIZE.items() if name.startswith(start)), None)


def _published(weights: Any) -> Preprocessing:
    """The evaluation transform of torchvision's weights, in our terms."""
    transform = weights.transforms()
    (crop,), (resize,) = transform.crop_size, transform.resize_size
    return Preprocessing(
        (crop, crop),
        resize,
        transform.interpolation.value,
        3,
        tuple(transform.mean),
        tuple(transform.std),
    )
