"""Where the cells of a map look: the centers of their receptive fields in the input.

A convolution or pooling of kernel k, stride s, padding p and dilation d has its first cell's
center d (k - 1) / 2 - p cells behind the first cell of its input, and s cells between two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

Pair = tuple[float, float]


@dataclass(frozen=True)
class Centers:
    """cells: (H, W) of the map. start, step: (vertical, horizontal), in pixels of the input.

    The center of the input's first pixel is 0.
    """

    cells: tuple[int, int]
    start: Pair
    step: Pair

    @classmethod
    def of_pixels(cls, height: int, width: int) -> Centers:
        """Of an input: each pixel looks at itself."""
        return cls((height, width), (0.0, 0.0), (1.0, 1.0))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Centers:
        height, width = content["cells"]
        start, step = (tuple(map(float, content[name])) for name in ("start", "step"))
        return cls((height, width), (start[0], start[1]), (step[0], step[1]))


def centers_after(
    operation: str, args: Sequence[Any], given: Centers, made: torch.Tensor
) -> Centers | None:
    """Centers of what an operation of ATen made of a map with centers; None: not known.

    What neither slides a window nor changes how many cells there are leaves them alone. That
    isn't asked for here, since an operation may reorder axes: compare `cells` with the shape.
    """
    if operation not in WINDOWS and operation != ADAPTIVE:
        return given
    taken = args[0]
    if taken.ndim != 4 or tuple(taken.shape[2:]) != given.cells:
        return None
    cells = (int(made.shape[2]), int(made.shape[3]))
    if operation == ADAPTIVE:
        ratio = [before / after for before, after in zip(given.cells, cells, strict=True)]
        return _moved(given, cells, [(each - 1) / 2 for each in ratio], ratio)
    window = WINDOWS[operation](args)
    if window is None:
        return None
    kernel, stride, padding, dilation = window
    first = [d * (k - 1) / 2 - p for k, p, d in zip(kernel, padding, dilation, strict=True)]
    return _moved(given, cells, first, stride)


def _moved(
    given: Centers, cells: tuple[int, int], first: Sequence[float], stride: Sequence[float]
) -> Centers:
    """first: the new first cell among the given ones. stride: of those, to the next."""
    start = [s + f * t for s, f, t in zip(given.start, first, given.step, strict=True)]
    step = [f * t for f, t in zip(stride, given.step, strict=True)]
    return Centers(cells, (start[0], start[1]), (step[0], step[1]))


def _convolution(args: Sequence[Any]) -> Any:
    _, weight, _, stride, padding, dilation, transposed, *_ = args
    if transposed or weight.ndim != 4:
        return None
    return weight.shape[2:], _pair(stride), _pair(padding), _pair(dilation)


def _max_pool(args: Sequence[Any]) -> Any:
    kernel, stride, padding, dilation = _filled(args[1:5], [None, [], 0, 1])
    return _pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation)


def _average_pool(args: Sequence[Any]) -> Any:
    kernel, stride, padding = _filled(args[1:4], [None, [], 0])
    return _pair(kernel), _pair(stride or kernel), _pair(padding), (1, 1)


ADAPTIVE = "_adaptive_avg_pool2d"
WINDOWS: dict[str, Any] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "avg_pool2d": _average_pool,
}


def _filled(given: Sequence[Any], defaults: Sequence[Any]) -> list[Any]:
    return [*given, *defaults[len(given) :]]


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])
