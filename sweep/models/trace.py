"""One forward pass of a network, watched: what each module took and gave, and from what.

Legend: N images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sweep.errors import TrialFailure
from sweep.models.dataflow import Content, DataFlow, Node, TransformationCounter
from sweep.models.receptive import Centers
from sweep.models.values import has_row_per_image, main_place, tensor_at

LINEAR = (nn.Linear, nn.Bilinear)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
CLASS_TOKENS = ("class_token", "cls_token", "cls")


@dataclass(frozen=True)
class Value:
    """A tensor as a module took or gave it.

    shape: with its first axis. content: equal for the same numbers, however viewed.
    depth: transformations on the longest way from the images. per_image: its first axis is
    the image. on_trunk: all that gets from the images to the logits goes through it.
    has_class: a class token is in it. place: among the floating tensors that came together.
    centers: of the receptive fields of its cells, or of the map it was made from, if known.
    """

    shape: tuple[int, ...]
    content: Content
    depth: int
    per_image: bool
    on_trunk: bool
    has_class: bool
    place: int
    centers: Centers | None


@dataclass(frozen=True)
class Call:
    """One call of one module: its path, the call's number (1 first), and where it came to an end.

    `taken` and `given` are the main tensors of what it took and gave; None where there is no
    floating one, or one that doesn't depend on the images.
    """

    module: str
    number: int
    order: int
    taken: Value | None
    given: Value | None


@dataclass(frozen=True)
class Trace:
    """What one pass showed.

    calls: of all modules, in the order in which they ended. classifier: the last linear or
    convolutional module that the logits depend on; last_hidden: what enters it.
    total_depth: of the logits.
    working_bytes: the most bytes of activations alive at once, per image; what an operation
    itself needs while it runs isn't seen. num_images: of the sample. has_class_token: whether
    the network has one. uncalled: paths of the modules that were never called.
    """

    calls: tuple[Call, ...]
    classifier: Call
    last_hidden: Value
    logits: Value
    total_depth: int
    working_bytes: int
    num_images: int
    has_class_token: bool
    uncalled: frozenset[str]


def trace_network(network: nn.Module, sample: torch.Tensor) -> Trace:
    """Watch a pass of `sample`, (N, C, H, W) images, N >= 2, through a network, on any device.

    In evaluation mode without gradients; the network is left as it was. Take an N that is no
    other length in the network (3, 5, 7), so that the axis of the images can be told.
    Raises ValueError for fewer images, and TrialFailure if no linear or convolutional module
    leads to the output.
    """
    if len(sample) < 2:
        raise ValueError("a trace takes 2 or more images: one can't show which axis is the image")
    class_tokens = _class_tokens(network)
    constants = [*network.parameters(), *network.buffers()]
    flow = DataFlow(sample, constants, class_tokens)
    recorder = _Recorder(flow, len(sample))
    with (
        _evaluating(network),
        recorder.watching(network),
        torch.no_grad(),
        flow,
        TransformationCounter(flow),
    ):
        output = network(sample)
    logits = recorder.draft(output)
    if logits is None:
        raise TrialFailure("the network's output has no floating tensor that depends on its input")
    ancestors = _ancestors(flow.nodes, logits.node)
    trunk = _trunk(flow.nodes, ancestors)
    calls = tuple(draft.finished(trunk) for draft in recorder.drafts)
    ends = [
        (call, call.taken)
        for call, draft in zip(calls, recorder.drafts, strict=True)
        if isinstance(draft.kind, LINEAR + CONVOLUTIONS)
        and draft.given is not None
        and draft.given.node in ancestors
        and call.taken is not None
    ]
    if not ends:
        raise TrialFailure("the network has no linear or convolutional layer to profile")
    # An auxiliary head may come last: one that gives the logits' own shape goes before it.
    final = [
        (call, taken)
        for call, taken in ends
        if call.given and (call.given.shape, call.given.depth) == (logits.shape, logits.depth)
    ]
    classifier, last_hidden = (final or ends)[-1]
    return Trace(
        calls=calls,
        classifier=classifier,
        last_hidden=last_hidden,
        logits=logits.finished(trunk),
        total_depth=max(1, logits.depth),
        working_bytes=-(-flow.peak_bytes // len(sample)),
        num_images=len(sample),
        has_class_token=bool(class_tokens),
        uncalled=frozenset(dict(network.named_modules())) - {call.module for call in calls},
    )


@dataclass(frozen=True)
class _DraftValue:
    """A value before it is known which nodes are on the trunk."""

    shape: tuple[int, ...]
    content: Content
    node: int
    depth: int
    per_image: bool
    has_class: bool
    place: int
    centers: Centers | None

    def finished(self, trunk: frozenset[int]) -> Value:
        return Value(
            shape=self.shape,
            content=self.content,
            depth=self.depth,
            per_image=self.per_image,
            on_trunk=self.node in trunk,
            has_class=self.has_class,
            place=self.place,
            centers=self.centers,
        )


@dataclass(frozen=True)
class _DraftCall:
    module: str
    kind: nn.Module
    number: int
    order: int
    taken: _DraftValue | None
    given: _DraftValue | None

    def finished(self, trunk: frozenset[int]) -> Call:
        taken = self.taken.finished(trunk) if self.taken else None
        given = self.given.finished(trunk) if self.given else None
        return Call(self.module, self.number, self.order, taken, given)


class _Recorder:
    """Hooks on every module, that note its calls."""

    def __init__(self, flow: DataFlow, num_images: int) -> None:
        self.drafts: list[_DraftCall] = []
        self._flow = flow
        self._num_images = num_images
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._open: list[_DraftValue | None] = []

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        """While open, every call of every module is noted; the hooks go whatever happens."""
        handles = []
        for path, module in network.named_modules():
            handles.append(module.register_forward_pre_hook(self._before, with_kwargs=True))
            handles.append(module.register_forward_hook(self._after(path)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def draft(self, structure: Any) -> _DraftValue | None:
        """The main tensor of what a module took or gave, as it is at this moment."""
        place = main_place(structure, self._num_images)
        tensor = None if place is None else tensor_at(structure, place)
        node = None if tensor is None else self._flow.node(tensor)
        if place is None or tensor is None or node is None:
            return None
        shape = tuple(tensor.shape)
        return _DraftValue(
            shape=shape,
            content=self._flow.content(tensor),
            node=node,
            depth=self._flow.nodes[node].depth,
            per_image=has_row_per_image(shape, self._num_images),
            has_class=self._flow.nodes[node].has_class,
            place=place,
            centers=self._flow.nodes[node].centers,
        )

    def _before(self, _: nn.Module, args: Any, kwargs: Any) -> None:
        self._open.append(self.draft((args, kwargs)))

    def _after(self, path: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            taken = self._open.pop()
            self._counts[path] += 1
            number, order = self._counts[path], len(self.drafts)
            draft = _DraftCall(path, module, number, order, taken, self.draft(output))
            self.drafts.append(draft)

        return hook


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards each module is in the mode that it was in."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _class_tokens(network: nn.Module) -> list[torch.Tensor]:
    found = (getattr(m, name, None) for m in network.modules() for name in CLASS_TOKENS)
    return [token for token in found if isinstance(token, torch.Tensor)]


def _ancestors(nodes: Sequence[Node], end: int) -> frozenset[int]:
    """All nodes that node `end` was made from, and itself."""
    found = {end}
    for number in range(end, -1, -1):  # parents come before their children
        if number in found:
            found |= nodes[number].parents
    return frozenset(found)


def _trunk(nodes: Sequence[Node], ancestors: frozenset[int]) -> frozenset[int]:
    """The nodes that every way from the images to the output goes through.

    In order of making, those that no edge leaps over.
    """
    last_use: dict[int, int] = {}
    for number in sorted(ancestors):
        for parent in nodes[number].parents:
            last_use[parent] = number
    trunk = set()
    reach = 0
    for number in sorted(ancestors):
        if reach <= number:
            trunk.add(number)
        reach = max(reach, last_use.get(number, 0))
    return frozenset(trunk)
