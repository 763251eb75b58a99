"""The tensors in what a module takes and gives: tensors, tuples, dicts, or objects of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """All tensors of a nested structure, in order; anything else is passed over.

    Looked into are lists, tuples, mappings (so also Hugging Face's ModelOutput) and dataclasses.
    """
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from tensors_in(getattr(value, field.name))


def main_tensor(value: Any, num_images: int) -> torch.Tensor | None:
    """What a structure means as an activation: its first floating tensor with a row per image.

    Without such a one, the first floating tensor; None if there is none at all.
    """
    floating = [tensor for tensor in tensors_in(value) if tensor.is_floating_point()]
    for tensor in floating:
        if has_row_per_image(tuple(tensor.shape), num_images):
            return tensor
    return floating[0] if floating else None


def has_row_per_image(shape: tuple[int, ...], num_images: int) -> bool:
    """Whether the first axis of a tensor of that shape may be the image; loss-like scalars no."""
    return len(shape) > 1 and shape[0] == num_images
