"""Which layers of a network make its profile, and how deep each one lies.

Legend: N images, T tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from sweep.errors import UserError
from sweep.models.auto_layers import auto_points
from sweep.models.points import Point, all_points
from sweep.models.receptive import Centers
from sweep.models.selectors import selected_points
from sweep.models.trace import Trace, trace_network

Side = Literal["output", "input"]
Reduction = Literal["flattened", "mean", "class"]
REDUCTIONS: tuple[Reduction, ...] = ("flattened", "mean", "class")


@dataclass(frozen=True)
class Layer:
    """One layer of a profile.

    index: place in the profile, 0 first. name: for people and tables.
    module: the module's path in the network, "" for the network itself; call: which of its
    calls in a pass, 1 first; side: whether its output or its input is meant.
    shape: of one image's activation as the network has it. reduction: what is kept of it: all
    ("flattened"), or of a sequence of tokens (T, C) the mean or the class token.
    relative_depth: 0 at the input, 1 at the output.
    last_hidden: whether this is what enters the final classifier.
    place: which of the floating tensors that the module takes or gives is meant, 0 first.
    centers: where the cells of the map look that it is, or was made from; None: not known.
    """

    index: int
    name: str
    module: str
    call: int
    side: Side
    shape: tuple[int, ...]
    reduction: Reduction
    relative_depth: float
    last_hidden: bool
    place: int = 0
    centers: Centers | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Layer:
        """From what `asdict` made of it. Raises KeyError for what an older version made."""
        centers = content["centers"]
        shape = tuple(content["shape"])
        return cls(**{**content, "shape": shape, "centers": centers and Centers.from_json(centers)})

    @property
    def num_units(self) -> int:
        kept = self.shape if self.reduction == "flattened" else self.shape[-1:]
        return int(torch.Size(kept).numel())


def find_layers(
    network: nn.Module,
    sample: torch.Tensor,
    selectors: Sequence[str] = ("auto",),
    tokens: str = "flattened",
) -> list[Layer]:
    """The layers that selectors name, in order of depth, by running `sample` through.

    network: any module that takes `sample`, (N, C, H, W) images, 2 <= N, on its device (`meta`
    will do). selectors: see `selected_points`. tokens: what is kept of sequences of tokens.
    Raises UserError for a selector that names nothing that can be measured, and TrialFailure
    for a network without a linear or convolutional layer.

    Relative depth (Ansuini et al., NeurIPS 2019): transformations (convolutions, linear
    layers, adaptive average pooling) up to the layer, over those up to the output; where
    branches meet, the longest path counts.
    """
    return layers_of(network, trace_network(network, sample), selectors, tokens)


def layers_of(
    network: nn.Module,
    trace: Trace,
    selectors: Sequence[str] = ("auto",),
    tokens: str = "flattened",
) -> list[Layer]:
    """The same as `find_layers`, from a pass that has been traced."""
    reduction = _checked_reduction(tokens, trace)
    points = all_points(network, trace)
    auto = auto_points(network, trace, points)
    chosen = selected_points(points, auto, trace, selectors)
    layers: list[Layer] = []
    for point in sorted(chosen, key=lambda point: (point.value.depth, point.order)):
        if reduction == "class" and _is_tokens(point) and not point.value.has_class:
            continue
        layers.append(
            Layer(
                index=len(layers),
                name=point.name,
                module=point.module,
                call=point.call,
                side=point.side,
                shape=point.value.shape[1:],
                reduction=reduction if _is_tokens(point) else "flattened",
                relative_depth=point.value.depth / trace.total_depth,
                last_hidden=point.value.content == trace.last_hidden.content,
                place=point.value.place,
                centers=point.value.centers,
            )
        )
    if not layers:
        raise UserError(
            f"of the layers {', '.join(selectors)} none has the class token in it: choose later "
            "layers, or tokens: mean"
        )
    return layers


def _is_tokens(point: Point) -> bool:
    """Whether one image's activation is a sequence (T, C)."""
    return len(point.value.shape) == 3


def _checked_reduction(tokens: str, trace: Trace) -> Reduction:
    for reduction in REDUCTIONS:
        if tokens != reduction:
            continue
        if reduction == "class" and not trace.has_class_token:
            raise UserError(
                "tokens: class needs a class token, but the network has none (no class_token, "
                "cls_token or cls): use mean or flattened"
            )
        return reduction
    raise UserError(f"tokens must be one of {', '.join(REDUCTIONS)}, but got {tokens!r}")
