"""The layers that `auto` takes: where a network's stages end.

Taken are the input, what enters the classifier, the output, and on the trunk (where all that
gets from the images to the logits must pass):

- pooling that changes the shape, and linear layers with one vector per image, after their
  activation function;
- modules made of others that transform: stages, blocks. One is looked into instead where it
  spans several resolutions (VGG's `features`), holds several layers of a perceptron (its
  `classifier`), or holds the blocks of a network that has one resolution only (a ViT's
  encoder). Of blocks in a row inside it that have one resolution, the last is taken: the end
  of a stage.

Single convolutions, norms, activations and reshapings are not taken. Where that leaves fewer
than MIN_LAYERS, or more than MAX_GAP of the depth between two of them (networks of parallel
branches, or of convolutions alone), what is off the trunk and single convolutions count too.
Of more than MOST_LAYERS every second (third ...) is taken, counted from the last.

For the networks of Ansuini et al. (NeurIPS 2019) this gives their checkpoints.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from sweep.models.points import INPUT, Point, root_of
from sweep.models.trace import CONVOLUTIONS, LINEAR, Call, Trace, Value

MIN_LAYERS, MOST_LAYERS = 5, 37  # the most without input, classifier's input and output
MAX_GAP = 0.5
ONE_RESOLUTION = 0.9  # share of the depth at one resolution that makes it the only one


def auto_points(network: nn.Module, trace: Trace, points: Sequence[Point]) -> list[Point]:
    """The points of the `auto` profile; no two with the same numbers."""
    by_call = {(p.module, p.call): p for p in points if p.side == "output"}
    walk = _Walk(network, trace)
    chosen: list[Point] = []
    for strict in (True, False):
        found = walk.inside(root_of(network), strict=strict, top=True)
        found = [call for call in found if call.module != trace.classifier.module]
        step = 1 + len(found) // MOST_LAYERS
        taken = [by_call[call.module, call.number] for call in found[::-1][::step]]
        chosen = _framed(taken, trace, points)
        if len(chosen) >= MIN_LAYERS and _largest_gap(chosen, trace) < MAX_GAP:
            break
    return chosen


def _largest_gap(chosen: Sequence[Point], trace: Trace) -> float:
    """The longest stretch of relative depth that is inside no layer and between two."""
    starts = {(call.module, call.number): call.taken.depth for call in trace.calls if call.taken}
    gaps = [0]
    depth = 0
    for point in sorted(chosen, key=lambda point: point.value.depth):
        start = starts.get((point.module, point.call), 0) if point.side == "output" else depth
        gaps.append(max(start, point.value.depth if point.side == "input" else 0) - depth)
        depth = point.value.depth
    return max(gaps) / trace.total_depth


def _framed(taken: Sequence[Point], trace: Trace, points: Sequence[Point]) -> list[Point]:
    """With the input, what enters the classifier and the output; each content once."""
    images = [point for point in points if point.name == INPUT]
    by_content: dict[object, Point] = {}
    classifier = [p for p in points if p.side == "output" and p.module == trace.classifier.module]
    for point in (*images, *classifier, *taken):
        if point.value.per_image:
            by_content.setdefault(point.value.content, point)
    ends = [(trace.classifier.taken, "input"), (trace.logits, "output")]
    for value, side in ends:
        if value is None or not value.per_image or value.content in by_content:
            continue
        same = [p for p in points if p.value.content == value.content and p.value.per_image]
        of_classifier = [
            p
            for p in same
            if (p.module, p.call, p.side)
            == (trace.classifier.module, trace.classifier.number, side)
        ]
        by_content[value.content] = (of_classifier or same)[-1]
    return list(by_content.values())


@dataclass
class _Walk:
    """From a network's children inwards."""

    network: nn.Module
    trace: Trace

    def __post_init__(self) -> None:
        self._modules = dict(self.network.named_modules())
        self._calls: defaultdict[str, list[Call]] = defaultdict(list)
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        for call in self.trace.calls:
            self._calls[call.module].append(call)
        for path in self._modules:
            if path:
                self._children[path.rpartition(".")[0]].append(path)
        self._one_resolution = self._has_one_resolution()

    def inside(self, path: str, strict: bool, top: bool = False) -> list[Call]:
        """The calls to take inside a module, in the order of the pass."""
        taken: list[tuple[Call, bool]] = []
        for child in self._children[path]:
            if child == INPUT or not self._was_called(child):
                continue
            calls = self._calls[child]
            if not calls:  # a list of modules, that its owner calls one by one
                taken += [(call, self._is_block(call)) for call in self.inside(child, strict)]
            for call in calls if strict or len(calls) == 1 else ():
                taken += self._of_call(call, calls, strict)
        taken.sort(key=lambda item: item[0].order)
        if not top and not self._one_resolution:
            ended = [not self._same_stage(*pair) for pair in pairwise(taken)]
            taken = [item for item, ends in zip(taken, [*ended, True], strict=False) if ends]
        return [call for call, _ in taken]

    def _of_call(self, call: Call, calls: Sequence[Call], strict: bool) -> list[tuple[Call, bool]]:
        """What to take of one call, and whether it is a block."""
        given = call.given
        fits = given is not None and given.per_image and (given.on_trunk or not strict)
        if self._is_leaf(call.module):
            module = self._modules[call.module]
            if not fits:
                return []
            if isinstance(module, LINEAR) or (not strict and isinstance(module, CONVOLUTIONS)):
                return [(self._activated(call), False)]
            return [(call, False)] if _is_pool(module) and _changes_shape(call) else []
        if not fits:
            return [(c, self._is_block(c)) for c in self.inside(call.module, strict)]
        if len(calls) == 1 and self._to_open(call):
            inner = self.inside(call.module, strict)
            if len(inner) > 1:
                return [(c, self._is_block(c)) for c in inner]
        return [(call, True)] if _transforms(call) else []

    def _to_open(self, call: Call) -> bool:
        if call.taken and call.given and _level(call.taken) - _level(call.given) > 1.25:
            return True
        if self._one_resolution:
            return self._has_blocks(call.module)
        return any(
            isinstance(self._modules[inner.module], LINEAR)
            and inner.given is not None
            and inner.given.on_trunk
            and len(inner.given.shape) == 2
            for path in self._modules
            if path.startswith(f"{call.module}.")
            for inner in self._calls[path]
        )

    def _has_blocks(self, path: str, least_steps: int = 1) -> bool:
        """Whether somewhere inside is a row of modules of one kind, on the trunk.

        least_steps: of depth, in each of them.
        """
        kinds = [
            type(self._modules[child])
            for child in self._children[path]
            if not self._is_leaf(child)
            and any(
                call.given and call.given.on_trunk and _steps(call) >= least_steps
                for call in self._calls[child]
            )
        ]
        return len(kinds) > len(set(kinds)) or any(
            self._has_blocks(child, least_steps)
            for child in self._children[path]
            if not self._is_leaf(child)
        )

    def _has_one_resolution(self) -> bool:
        """Whether nearly all steps of depth on the trunk lead to one resolution."""
        steps: defaultdict[int, int] = defaultdict(int)
        depth = 0
        for call in self.trace.calls:
            if call.given and call.given.on_trunk and call.given.depth > depth:
                level = _level(call.given)
                steps[round(level)] += (call.given.depth - depth) * (level > 0)
                depth = call.given.depth
        return max(steps.values(), default=0) >= ONE_RESOLUTION * sum(steps.values())

    def _same_stage(self, one: tuple[Call, bool], following: tuple[Call, bool]) -> bool:
        (first, first_is_block), (second, second_is_block) = one, following
        if not (first_is_block and second_is_block and first.given and second.given):
            return False
        if self._has_blocks(first.module, least_steps=2):
            return False  # a stage of its own
        return abs(_level(first.given) - _level(second.given)) < 0.25

    def _activated(self, call: Call) -> Call:
        """The activation function's call that follows among a layer's siblings, or the call."""
        parent = call.module.rpartition(".")[0]
        following = sorted(
            (
                sibling
                for path in self._children[parent]
                for sibling in self._calls[path]
                if sibling.order > call.order and sibling.given is not None
            ),
            key=lambda sibling: sibling.order,
        )
        for sibling in following:
            module = self._modules[sibling.module]
            if _is_activation(module, sibling):
                return sibling
            if any(True for _ in module.children()) or isinstance(module, LINEAR + CONVOLUTIONS):
                break
        return call

    def _is_leaf(self, path: str) -> bool:
        return not any(self._was_called(child) for child in self._children[path])

    def _was_called(self, path: str) -> bool:
        return bool(self._calls[path]) or any(map(self._was_called, self._children[path]))

    def _is_block(self, call: Call) -> bool:
        return not self._is_leaf(call.module)


def _steps(call: Call) -> int:
    """Steps of depth inside a call."""
    return call.given.depth - call.taken.depth if call.given and call.taken else 1


def _transforms(call: Call) -> bool:
    """Whether a module made of others does more than norm, activate and reshape."""
    if call.taken is None or call.given is None:
        return True
    return _steps(call) > 0 or _level(call.given) != _level(call.taken)


def _changes_shape(call: Call) -> bool:
    return call.taken is None or call.given is None or call.taken.shape != call.given.shape


def _is_activation(module: nn.Module, call: Call) -> bool:
    """Whether a single module changes the numbers, not their shape, and has nothing to learn."""
    return (
        (isinstance(module, nn.PReLU) or next(module.parameters(), None) is None)
        and next(module.children(), None) is None
        and not _changes_shape(call)
        and call.given is not None
        and call.taken is not None
        and call.given.content != call.taken.content
    )


def _is_pool(module: nn.Module) -> bool:
    return "Pool" in type(module).__name__


def _level(value: Value) -> float:
    """Resolution of a map or of tokens in halvings: log2 of its side; 0 for a vector."""
    shape = value.shape[1:]
    if len(shape) == 3:
        channels_last = shape[0] == shape[1] and shape[1] != shape[2]
        positions = shape[0] * shape[1] if channels_last else shape[1] * shape[2]
    else:
        positions = shape[0] if len(shape) == 2 else 1
    return math.log2(max(1, positions)) / 2
