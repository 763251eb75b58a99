"""Matrix products: as precise as their type, and in the low precision that is fastest here."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Rows of one strip of a product of rows with themselves, at most.
STRIP_ROWS = 128
_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@functools.cache
def fastest_precision(device: str = "cpu") -> str:
    """The low precision that multiplies fastest there: measured once, in milliseconds."""
    bfloat16, float32 = (product_seconds(dtype, device) for dtype in TYPES.values())
    # bfloat16 costs candidates: it must be clearly faster.
    return "bfloat16" if bfloat16 < 0.7 * float32 else "float32"


def product_seconds(dtype: torch.dtype, device: str) -> float:
    """Seconds of a square product, the best of four: a busy machine only adds."""
    size = 512 if device == "cpu" else 4096
    matrix = torch.ones((size, size), dtype=dtype, device=device)
    best = math.inf
    with exact_products():
        for _ in range(4):
            began = time.perf_counter()
            float(product(matrix, matrix)[0, 0])  # reading a number waits for the product
            best = min(best, time.perf_counter() - began)
    return best


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(R, S) products of the rows of two matrices, (R, D) and (S, D), of one type.

    Float32 goes through oneDNN on a processor: what torch takes otherwise makes no use of
    AVX-512 on AMD's, and needs twice the time.
    To be called within `exact_products`.
    """
    if left.dtype == torch.float32 and left.device.type == "cpu" and _HAS_ONEDNN:
        return torch.nn.functional.linear(left.to_mkldnn(), right.contiguous()).to_dense()
    return left @ right.T


def upper_products(rows: torch.Tensor) -> Iterator[tuple[slice, slice, torch.Tensor]]:
    """Strips of the (R, R) product of rows with themselves that cover its upper triangle.

    Each with where its rows and columns are: little more than half of the whole product's cost.
    """
    num_rows = len(rows)
    number = -(-num_rows // STRIP_ROWS)
    bounds = [num_rows * strip // number for strip in range(number + 1)]
    for start, stop in itertools.pairwise(bounds):
        yield slice(start, stop), slice(start, num_rows), product(rows[start:stop], rows[start:])


@contextmanager
def exact_products() -> Iterator[None]:
    """Products as precise as their type: no shortcuts that a program may have switched on."""
    cuda, mkldnn = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = cuda.fp32_precision, mkldnn.fp32_precision
    reduced = cuda.allow_bf16_reduced_precision_reduction
    cuda.fp32_precision = mkldnn.fp32_precision = "ieee"
    cuda.allow_bf16_reduced_precision_reduction = False
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        cuda.fp32_precision, mkldnn.fp32_precision = before
        cuda.allow_bf16_reduced_precision_reduction = reduced
