"""Networks of the user: any function that returns an `nn.Module`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sweep.errors import UserError
from sweep.models.settings import SETTINGS

if TYPE_CHECKING:
    from sweep.config import ModelConfig


def imported(name: str) -> Callable[..., Any]:
    """The function of "package.module:function", from the current folder or installed.

    Raises UserError that says which part is missing.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"{name}: module {module_name} can't be imported from the current folder "
            f"or what is installed ({_line(error)})"
        ) from error
    except (Exception, SystemExit) as error:  # a script of the user's may end the process
        raise UserError(
            f"{name}: module {module_name} fails when imported ({_line(error)})"
        ) from error
    finally:
        if added:
            sys.path.remove(here)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(f"{name}: module {module_name} has no function {function_name}")
    return function  # type: ignore[no-any-return]


def settings(name: str) -> tuple[str, ...]:
    """Those of width, depth, kernel_size and batch_norm that the function names."""
    return tuple(setting for setting in SETTINGS if setting in _parameters(imported(name)))


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """What the function returns, called with those of our arguments that it names."""
    function = imported(config.name)
    parameters = _parameters(function)
    offered: dict[str, Any] = {"num_classes": num_classes, "image_shape": image_shape}
    for setting in SETTINGS:
        if getattr(config, setting) is not None:
            offered[setting] = getattr(config, setting)
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in offered
    ]
    if needed:
        ways = [
            f"set model.{name}" if name in SETTINGS else f"give {name} a default" for name in needed
        ]
        raise UserError(f"{config.name}: it needs {', '.join(needed)}: {', '.join(ways)}")
    given = {name: value for name, value in offered.items() if name in parameters}
    try:
        network = function(**given)
    except (Exception, SystemExit) as error:
        arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise UserError(
            f"{config.name}: called with {arguments}, it fails ({_line(error)})"
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(
            f"{config.name}: it must return an nn.Module, but returned "
            f"{network if isinstance(network, type) else type(network).__name__}"
        )
    return network


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in found.items() if parameter.kind in named}


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
