"""Kernels of depthwise convolutions as shapes: zero mean, unit norm, and what that deletes.

Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_SIZE = 3
# What rounding leaves of a constant kernel in the arithmetic of its own type, in units of its
# precision: a mean of up to a few hundred pixels is off by less.
ROUNDING = 8.0
BLOCK = 4096  # kernels at a time, so that they stay in a processor's cache

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NormalizedKernels:
    """Shapes of kernels, and what normalising took from them.

    shapes: (K, k, k) less their mean and divided by their norm; zeros where a kernel is dead.
    mean_share: (K,) |mean| k / norm, from 0 to 1: the share of the kernel's norm that a constant
        of its mean has, the DC share. A pure blur has much of it, a derivative none; centering
        deletes it. 0 where a kernel is zero or not finite.
    norms: (K,) L2 norms of the kernels as given; nan or infinite where they are not finite.
    is_dead: (K,) whether there is no shape: a zero or constant kernel, or one with a nan.
    """

    shapes: NDArray[np.float64]
    mean_share: NDArray[np.float64]
    norms: NDArray[np.float64]
    is_dead: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """The kernels are size x size pixels."""
        return int(self.shapes.shape[1])


def normalize_kernels(kernels: ArrayLike) -> NormalizedKernels:
    """Each kernel less its mean, divided by its L2 norm.

    As Babaiee, Kiasari, Rus, Grosu, "The Quest for Universal Master Key Filters in DS-CNNs",
    NeurIPS 2025, arXiv:2509.11711 do.

    kernels: (K, k, k) float array with odd k of at least 3.

    Raises ValueError for any other array.

    >>> edge = np.array([[1.0, 0, -1]] * 3)
    >>> found = normalize_kernels([edge, 5 - 2 * edge, np.ones((3, 3)), np.zeros((3, 3))])
    >>> bool(np.allclose(found.shapes[0], -found.shapes[1]))
    True
    >>> found.mean_share.round(3).tolist()
    [0.0, 0.951, 1.0, 0.0]
    >>> found.is_dead.tolist()
    [False, False, True, True]
    """
    given = np.asarray(kernels)
    require_size(given)
    blocks = [_normalize(given[start : start + BLOCK]) for start in range(0, len(given), BLOCK)]
    return NormalizedKernels(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _normalize(given: NDArray[Any]) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Shapes, mean shares, norms, and which are dead."""
    precision = np.finfo(given.dtype).eps if given.dtype.kind == "f" else np.finfo(float).eps
    exact = given.astype(np.float64).reshape(len(given), -1)
    size = given.shape[1]
    # The largest entry becomes 1, so that no square under- or overflows.
    largest = np.maximum(exact.max(axis=1), -exact.min(axis=1))
    has_scale = np.isfinite(largest) & (largest > 0)
    exact[~has_scale] = 0
    exact /= np.where(has_scale, largest, 1.0)[:, None]
    scaled_norms = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    norms = np.where(has_scale, scaled_norms * np.where(has_scale, largest, 1.0), largest)
    means = exact.mean(axis=1)
    exact -= means[:, None]
    left = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    is_dead = ~has_scale | (left <= ROUNDING * precision * scaled_norms)
    exact /= np.where(is_dead, 1.0, left)[:, None]
    exact[is_dead] = 0
    mean_share = np.minimum(np.abs(means) * size / np.where(has_scale, scaled_norms, 1.0), 1.0)
    return exact.reshape(given.shape), mean_share, norms, is_dead


def require_size(kernels: NDArray[np.generic]) -> None:
    """Raise ValueError unless these are K > 0 square kernels of an odd size of at least 3."""
    if kernels.ndim != 3 or kernels.shape[1] != kernels.shape[2]:
        raise ValueError(
            f"kernels of shape (K, k, k) must be given, but got {kernels.shape}: take the "
            "depthwise weights (K, 1, k, k) without their second axis, and square ones only"
        )
    if len(kernels) == 0:
        raise ValueError(
            f"at least one kernel must be given, but got shape {kernels.shape}: leave out layers "
            "without depthwise kernels"
        )
    require_odd(kernels.shape[1])


def require_odd(size: int) -> None:
    """Raise ValueError unless kernels of k x k have a pixel at their centre and neighbors."""
    if size < MIN_SIZE or size % 2 == 0:
        raise ValueError(
            f"`k >= {MIN_SIZE}` and odd k must hold, but got k={size}: smaller kernels have no "
            "shape, and even ones no pixel at their centre"
        )
