"""The tensors in what a module takes and gives: tensors, tuples, dicts, or objects of them."""

from __future__ import annotations

import dataclasses
import itertools
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


def main_place(value: Any, num_images: int) -> int | None:
    """What a structure means as an activation: its first floating tensor with a row per image.

    Its place among the floating tensors, for `tensor_at`. Without such a one, the first; None
    if there is none at all.
    """
    place = None
    for number, tensor in enumerate(_floating(value)):
        if has_row_per_image(tuple(tensor.shape), num_images):
            return number
        place = 0
    return place


def tensor_at(value: Any, place: int) -> torch.Tensor | None:
    """The floating tensor of a structure at that place, or None."""
    return next(itertools.islice(_floating(value), place, None), None)


def _floating(value: Any) -> Iterator[torch.Tensor]:
    return (tensor for tensor in tensors_in(value) if tensor.is_floating_point())


def has_row_per_image(shape: tuple[int, ...], num_images: int) -> bool:
    """Whether the first axis of a tensor of that shape may be the image; loss-like scalars no."""
    return len(shape) > 1 and shape[0] == num_images
