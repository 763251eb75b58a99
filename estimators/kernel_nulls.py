"""What template fits find where there is nothing: thresholds of r^2 from nulls.

The best of many templates explains a good part of any kernel, and of a small one most: of white
Gaussian 3 x 3 kernels 20 to 30 % have an r^2 above 0.5 with the best of just eight fixed
templates, of 5 x 5 ones at most 0.14 %, of 7 x 7 ones none. With all the freedom of
`fit_families` it is 88 %, 2 % and none, and 40 %, 0.4 % and none without half-pixel offsets. So a
share of classified kernels means nothing without a null fitted in the same way, for each kernel
size.

Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit, fit_families
from estimators.kernel_templates import OTHER
from estimators.kernels import normalize_kernels, require_odd, require_size

Floats = NDArray[np.float64]
Fit = Callable[[Floats], FamilyFit]

FALSE_POSITIVE_RATE = 0.01
NUM_GAUSSIAN = 20_000  # 200 of them above the threshold: its rate is known to 7 % of itself


@dataclass(frozen=True)
class NullThresholds:
    """The r^2 that all but a share of each null's kernels stay at or below, for one kernel size.

    gaussian: of white Gaussian kernels. Above it a kernel is more like a template than pixels
        drawn independently from one normal distribution are.
    permuted: of the kernels' own pixels, shuffled within each kernel. Above it the *order* of
        the pixels says so, whatever their values: a kernel of one large pixel passes the first
        test more easily than this one. nan where all kernels are dead.
    initial: of the same network's kernels before training. Above it training made them so. None
        if they were not given, nan if all are dead.
    """

    gaussian: float
    permuted: float
    initial: float | None
    false_positive_rate: float
    size: int

    @property
    def strictest(self) -> float:
        """The largest of those known: above it a kernel passes all the tests."""
        known = (self.gaussian, self.permuted, self.initial)
        return float(np.nanmax([np.nan if value is None else value for value in known]))


def gaussian_kernels(size: int, num_kernels: int, rng: np.random.Generator) -> Floats:
    """(K, k, k) shapes of white Gaussian kernels."""
    require_odd(size)
    return normalize_kernels(rng.standard_normal((num_kernels, size, size))).shapes


def permuted_kernels(shapes: NDArray[np.floating], rng: np.random.Generator) -> Floats:
    """(K, k, k) shapes with the pixels of each kernel in an order of its own."""
    shapes = np.asarray(shapes, dtype=np.float64)
    require_size(shapes)
    return np.asarray(rng.permuted(shapes.reshape(len(shapes), -1), axis=1).reshape(shapes.shape))


def null_threshold(fit: FamilyFit, false_positive_rate: float = FALSE_POSITIVE_RATE) -> float:
    """The least r^2 of a null's kernels that at most this share of them exceed.

    Dead kernels don't count; nan where there are no others. With K of them the rate that it
    gives on further kernels of the null has the standard error sqrt(rate (1 - rate) / K).
    """
    if not 0 < false_positive_rate < 1:
        raise ValueError(
            f"`0 < false_positive_rate < 1` must hold, but got {false_positive_rate}: 0.01 lets "
            "one kernel in a hundred of a null through"
        )
    alive = fit.best_r2[fit.best != OTHER]
    if len(alive) == 0:
        return float("nan")
    return float(np.quantile(alive, 1 - false_positive_rate, method="higher"))


def null_thresholds(
    shapes: NDArray[np.floating],
    rng: np.random.Generator,
    *,
    initial: NDArray[np.floating] | None = None,
    false_positive_rate: float = FALSE_POSITIVE_RATE,
    num_gaussian: int = NUM_GAUSSIAN,
    fit: Fit = fit_families,
) -> NullThresholds:
    """Thresholds for kernels of one size from three nulls.

    shapes, initial: (K, k, k) as `normalize_kernels` gives them, of the trained network and of
        the same one at initialisation.
    fit: how the kernels themselves are fitted, as nulls must be fitted in the same way.

    >>> rng = np.random.default_rng(0)
    >>> shapes = gaussian_kernels(7, 2000, rng)
    >>> thresholds = null_thresholds(shapes, rng)
    >>> abs(thresholds.gaussian - thresholds.permuted) < 0.02
    True
    """
    permuted = permuted_kernels(shapes, rng)
    if initial is not None and initial.shape[1:] != shapes.shape[1:]:
        raise ValueError(
            f"kernels of one size must be given, but got {shapes.shape[1:]} and at "
            f"initialisation {initial.shape[1:]}: take the same layers"
        )
    size = permuted.shape[1]
    rate = false_positive_rate
    return NullThresholds(
        null_threshold(fit(gaussian_kernels(size, num_gaussian, rng)), rate),
        null_threshold(fit(permuted), rate),
        None if initial is None else null_threshold(fit(np.asarray(initial, np.float64)), rate),
        rate,
        size,
    )


def classify(fit: FamilyFit, threshold: float) -> NDArray[np.int64]:
    """(K,): number in FAMILIES of each kernel's best family; OTHER where r^2 isn't above it.

    threshold: one of `NullThresholds`, or its `strictest`.

    >>> fit = fit_families(gaussian_kernels(5, 4, np.random.default_rng(0)))
    >>> classify(fit, 0.99).tolist()
    [-1, -1, -1, -1]
    """
    if not 0 <= threshold <= 1:
        raise ValueError(
            f"`0 <= threshold <= 1` must hold, but got {threshold}: an r^2 is asked for, and a "
            "null whose kernels are all dead has none"
        )
    return np.where(fit.best_r2 > threshold, fit.best, OTHER)
