"""Weights from files into networks: read without unpickling, and matched name by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sweep.errors import UserError
from sweep.models.settings import SETTINGS
from sweep.sealing import MANIFEST

NESTS = ("state_dict", "model", "model_state_dict", "weights")
# What wrappers put before every name: data parallelism, compilation, our own checkpoints.
PREFIXES = ("module.", "_orig_mod.", "network.", "model.")
State = dict[str, torch.Tensor]


def read_state(path: Path) -> State:
    """The tensors of a weights file by name, on the CPU.

    A safetensors file, or a torch file read with `weights_only`, which runs no code; the
    tensors may lie under "state_dict" or "model". Raises UserError that says what is wrong
    with the file.
    """
    if not path.is_file():
        raise UserError(f"model.weights: there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: object = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if type(error).__name__ == "UnpicklingError":  # torch would have it read all the same
            reason = "it is damaged, or holds more than tensors, which reading would run as code"
        if not path.stat().st_size:
            reason = "it is empty"
        raise UserError(f"model.weights: {path} is no whole weights file ({reason})") from error
    for nest in NESTS:
        if isinstance(found, dict) and isinstance(found.get(nest), Mapping):
            found = dict(found[nest])
            break
    if not isinstance(found, dict) or not found:
        raise UserError(f"model.weights: {path} holds a {type(found).__name__}, no named tensors")
    state = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not state:
        names = ", ".join(str(name) for name in list(found)[:3])
        raise UserError(f"model.weights: {path} holds no tensors by name, but {names}")
    return state


def settings_beside(path: Path, name: str) -> dict[str, Any]:
    """What the weights file of a trial of ours was trained with: width, depth and the like.

    From the manifest in its folder; nothing for any other file, or another model than `name`.
    """
    try:
        model = json.loads((path.parent / MANIFEST).read_text())["config"]["model"]
        found = {key: model[key] for key in SETTINGS if model[key] is not None}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if model["name"] == name else {}


def with_weights(
    build: Callable[[int], nn.Module],
    state: State,
    num_classes: int,
    keep_head: bool,
    origin: str,
) -> tuple[nn.Module, int]:
    """The network that `build(number of classes)` gives, with weights; and how many classes.

    keep_head: as many classes as the weights have; else `num_classes`, with a head drawn
        anew where the weights have another number.
    origin: where the weights come from, for messages.

    Raises UserError with counts and the first names that don't match.
    """
    network = build(num_classes)
    state = _unprefixed(state, network.state_dict())
    expected = network.state_dict()
    head, found = _head(expected, state, num_classes)
    if head and keep_head:
        return with_weights(build, state, found, keep_head=True, origin=origin)
    kept = {name: tensor for name, tensor in state.items() if name not in head}
    _check_match(expected, kept, head, origin)
    copy_tensors(kept, network)
    return network, num_classes


def copy_tensors(state: State, network: nn.Module) -> None:
    """Write tensors over those of the same name, which must have their shapes.

    Not by `load_state_dict`, which asks some networks (MNASNet) for a version that files
    don't hold. A name that isn't in `state` may share the memory of one that is.
    """
    tensors = network.state_dict()
    for name, tensor in state.items():
        tensors[name].copy_(tensor)


def _unprefixed(state: State, expected: Mapping[str, torch.Tensor]) -> State:
    """Names without what a wrapper put before all of them."""
    while not any(name in expected for name in state):
        prefix = next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _head(
    expected: Mapping[str, torch.Tensor], state: State, num_classes: int
) -> tuple[set[str], int]:
    """Names of the tensors that are right but for the number of classes, and that number.

    A tensor belongs to the head if it differs along one axis alone, there has as many
    entries as the network has classes, and all such tensors agree on another number.
    """
    head: dict[str, int] = {}
    for name, tensor in state.items():
        ours = tuple(expected[name].shape) if name in expected else None
        theirs = tuple(tensor.shape)
        if ours is None or ours == theirs:
            continue
        differ = [
            i for i, side in enumerate(ours) if len(ours) == len(theirs) and side != theirs[i]
        ]
        if len(differ) != 1 or ours[differ[0]] != num_classes:
            return set(), num_classes
        head[name] = theirs[differ[0]]
    numbers = set(head.values())
    return (set(head), numbers.pop()) if len(numbers) == 1 else (set(), num_classes)


def _check_match(
    expected: Mapping[str, torch.Tensor], state: State, head: set[str], origin: str
) -> None:
    missing = [name for name in expected if name not in state and name not in head]
    unexpected = [name for name in state if name not in expected]
    # Old files lack BatchNorm's counter of batches, which no output depends on, and
    # safetensors files hold once what a network holds under two names.
    here = {expected[name].data_ptr() for name in state if name in expected}
    missing = [
        name
        for name in missing
        if not name.endswith("num_batches_tracked") and expected[name].data_ptr() not in here
    ]
    shapes = [
        f"{name} is {_shape(tensor)} in the file and {_shape(expected[name])} in the network"
        for name, tensor in state.items()
        if name in expected and tensor.shape != expected[name].shape
    ]
    kinds = [
        f"{name} is {_kind(tensor)} in the file and {_kind(expected[name])} in the network"
        for name, tensor in state.items()
        if name in expected
        and expected[name].is_floating_point()
        and not tensor.is_floating_point()
    ]
    problems = []
    if missing:
        problems.append(
            f"{len(missing)} of {len(expected)} tensors are missing "
            f"({_first(f'{name} {_shape(expected[name])}' for name in missing)})"
        )
    if unexpected:
        problems.append(
            f"{len(unexpected)} are unexpected "
            f"({_first(f'{name} {_shape(state[name])}' for name in unexpected)})"
        )
    if shapes:
        problems.append(f"{len(shapes)} have another shape ({_first(shapes)})")
    if kinds:
        problems.append(f"{len(kinds)} are no fractional numbers ({_first(kinds)})")
    if problems:
        raise UserError(f"model.weights: {origin} doesn't fit the network: {', '.join(problems)}")


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "scalar"


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _first(lines: Iterable[str], count: int = 2) -> str:
    texts = list(lines)
    return "; ".join(texts[:count]) + ("; ..." if len(texts) > count else "")
