"""Networks of timm: every model that it registers, with or without a weights tag."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sweep.errors import UserError
from sweep.models.fetching import SAFETENSORS, TORCH_BIN, hub_file, torch_hub_file
from sweep.models.preprocessing import Preprocessing
from sweep.models.settings import is_file_name

if TYPE_CHECKING:
    from sweep.config import ModelConfig

PRETRAINED = "pretrained"


@cache
def names() -> tuple[str, ...]:
    """All that timm registers: architectures, and architectures with a weights tag."""
    import timm

    return (*timm.list_models(), *timm.list_models(pretrained=True))


def check_weights(name: str, weights: str) -> None:
    """Raises UserError unless `weights` is a file, or "pretrained" and there are some."""
    if is_file_name(weights):
        return
    if weights != PRETRAINED:
        raise UserError(
            f"timm/{name} takes the weights `{PRETRAINED}` (those of the tag in the name, such "
            f"as timm/resnet50.a1_in1k, else timm's default) or a file, but got {weights!r}"
        )
    found = _published(name)
    if not (found.get("hf_hub_id") or found.get("url")):
        raise UserError(f"timm/{name} has no pretrained weights; leave model.weights out")


def preprocessing(config: ModelConfig) -> Preprocessing:
    """That of timm's own evaluation transform for the model and tag."""
    from timm.data import resolve_data_config

    found = resolve_data_config(pretrained_cfg=_published(_name(config)))
    size = tuple(found["input_size"][1:])
    scaled = tuple(math.floor(side / found["crop_pct"]) for side in size)
    mode = found["crop_mode"]
    resize = scaled if mode != "center" or scaled[0] != scaled[1] else scaled[0]
    return Preprocessing(
        size,
        resize,
        "bilinear" if found["interpolation"] == "random" else found["interpolation"],
        3,
        tuple(found["mean"]),
        tuple(found["std"]),
        pad=mode == "border",
    )


def has_fixed_size(config: ModelConfig) -> bool:
    """Whether the network is built for images of one size."""
    return bool(_published(_name(config)).get("fixed_input_size"))


def build(
    config: ModelConfig,
    num_classes: int,
    image_shape: tuple[int, int, int],
) -> nn.Module:
    """The network at initialization, for images of (C, H, W)."""
    return _create(config, image_shape, num_classes=num_classes)


def load(
    config: ModelConfig,
    weights: str,  # noqa: ARG001 - "pretrained" is the only name
    num_classes: int,
    image_shape: tuple[int, int, int],
    keep_head: bool,
) -> tuple[nn.Module, int]:
    """The network with its published weights, and its number of classes.

    A network published without a head gives its features.
    """
    published = _published(_name(config))
    overlay: dict[str, Any] = {"file": str(_file(published, config.name)), "source": None}
    if published.get("hf_hub_id") and not published.get("hf_hub_filename"):
        overlay["custom_load"] = False  # that is for the original file; the hub has timm's own
    network: Any = _create(config, image_shape, pretrained=True, pretrained_cfg_overlay=overlay)
    if not keep_head:
        # Only now: given another number at once, timm would let other tensors be missing too.
        network.reset_classifier(num_classes)
    return network, int(network.num_classes or network.num_features)


def _create(config: ModelConfig, image_shape: tuple[int, int, int], **options: Any) -> nn.Module:
    import timm

    name = _name(config)
    published = _published(name)
    if published.get("fixed_input_size") and image_shape[1:] != published["input_size"][1:]:
        options["img_size"] = image_shape[1:]
    try:
        network: nn.Module = timm.create_model(name, **options)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"timm/{name} can't be built for images of {image_shape[1]} x {image_shape[2]}"
            f"{' with its weights' if 'pretrained' in options else ''}: {reason}"
        ) from error
    return network


def _file(published: dict[str, Any], model: str) -> Path:
    """Where the published weights lie; fetched if they aren't cached."""
    if published.get("hf_hub_id"):
        given = published.get("hf_hub_filename")
        return hub_file(
            published["hf_hub_id"], [given] if given else [SAFETENSORS, TORCH_BIN], model
        )
    return torch_hub_file(published["url"], model)


def _name(config: ModelConfig) -> str:
    return config.name.partition("/")[2]


def _published(name: str) -> dict[str, Any]:
    """What timm knows of a model's weights and of what they take."""
    import timm

    found = timm.get_pretrained_cfg(name)
    return dict(found.to_dict()) if found is not None else {}
