"""The places of a network where an activation can be taken, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from sweep.models.trace import Call, Trace, Value

INPUT = "input"
WRAPPED = "network"  # the child of an ImageNetwork that is the network proper


@dataclass(frozen=True)
class Point:
    """The input or output of one call of a module.

    name: for people; a module's second call is "relu:2", its input "fc.input". order: when in
    the pass it ended.
    """

    name: str
    module: str
    call: int
    side: Literal["output", "input"]
    value: Value
    order: float


def root_of(network: nn.Module) -> str:
    """Path of the network proper: "network" where it is wrapped with its `input`, else ""."""
    names = [name for name, _ in network.named_children()]
    return WRAPPED if names == [INPUT, WRAPPED] else ""


def shown_name(network: nn.Module, path: str) -> str:
    """A module's path as it is shown: without the wrapping."""
    root = root_of(network)
    if root and path.startswith(f"{root}."):
        return path.removeprefix(f"{root}.")
    return path


def all_points(network: nn.Module, trace: Trace) -> list[Point]:
    """Every call's output and input that is a floating tensor made from the images.

    In the order of the pass; each name once.
    """
    by_name: dict[str, Point] = {}

    def add(name: str, call: int, side: Literal["output", "input"], path: str, value: Value | None,
            order: float) -> None:  # fmt: skip
        if value is not None:
            by_name.setdefault(name, Point(name, path, call, side, value, order))

    input_call = next((call for call in trace.calls if call.module == INPUT), None)
    if input_call is not None:
        add(INPUT, 1, "output", INPUT, input_call.given, -1)
    else:
        add(INPUT, 1, "input", "", trace.calls[-1].taken, -1)
    inner = [call for call in trace.calls if call.module not in ("", root_of(network))]
    for call in inner:
        name = shown_name(network, call.module) + _suffix(call)
        add(name, call.number, "output", call.module, call.given, call.order)
    for call in inner:  # after the outputs: a child may really be called input
        name = f"{shown_name(network, call.module)}.input{_suffix(call)}"
        add(name, call.number, "input", call.module, call.taken, call.order - 0.5)
    if not any(p.value.content == trace.logits.content for p in by_name.values()):
        last = trace.calls[-1]
        add("output", 1, "output", last.module, trace.logits, last.order)
    return sorted(by_name.values(), key=lambda point: point.order)


def _suffix(call: Call) -> str:
    return "" if call.number == 1 else f":{call.number}"
