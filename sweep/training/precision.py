"""Mixed precision: which operations of a training step run in fewer bits.

Weights, their gradients and the optimizer's state stay float32, and so do the checkpoint
and every test score: only forward and backward passes of training steps are cast.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from sweep.errors import TrialFailure

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def check_precision(precision: str, device: str) -> None:
    """Raise TrialFailure where the device can't train so."""
    if precision == "float16" and device == "cpu":
        raise TrialFailure(
            "training.precision: float16 needs a GPU, for its gradients are scaled there "
            "against underflow: ask for one with resources.gpus, or use bfloat16"
        )
    if precision == "bfloat16" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise TrialFailure(
            "training.precision: this GPU does not multiply bfloat16: use float16 or float32"
        )


def autocast(precision: str, device: str) -> AbstractContextManager[object]:
    """Runs what suits it in that precision; float32 changes nothing."""
    if precision not in DTYPES:
        return nullcontext()
    return torch.autocast(device, DTYPES[precision])


def make_scaler(precision: str, device: str) -> torch.amp.GradScaler:
    """Keeps float16 gradients from underflow; passes everything through otherwise.

    A step whose gradients overflow is left out and the next are scaled less, so that the
    first few steps of a training in float16 usually change nothing.
    """
    return torch.amp.GradScaler(device, enabled=precision == "float16")


@contextmanager
def left_out_steps(scaler: torch.amp.GradScaler) -> Iterator[None]:
    """Keeps a schedule from warning when the scaler leaves out the very first step."""
    if not scaler.is_enabled():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
        yield
