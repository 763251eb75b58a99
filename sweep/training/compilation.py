"""torch.compile around training steps, with one clear line where it can't work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn

from sweep.errors import TrialFailure


def compiled(network: nn.Module, wanted: bool) -> nn.Module:
    """The network as training steps call it: compiled if wanted.

    The network itself stays as it was, weights shared: what is sealed, evaluated and
    measured knows nothing of a compiler.
    """
    if not wanted:
        return network
    # Each trial compiles for itself: what this process compiled before must not count
    # towards the limit at which the compiler gives up.
    torch._dynamo.reset()
    return cast(nn.Module, torch.compile(network))


@contextmanager
def compiler_named(wanted: bool) -> Iterator[None]:
    """Turns what a compiler says into a TrialFailure that tells the way out."""
    if not wanted:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import InductorError

    try:
        yield
    except (TorchDynamoException, InductorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrialFailure(
            f"training.compile: torch.compile can't compile this network here ({reason}): "
            "install a C++ compiler on every node (CXX names another than g++), "
            "or leave compile out"
        ) from error
