"""What the kernels of one layer and size, or of a network, are, in numbers.

Legend: F families, B bins of orientations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit
from estimators.kernel_templates import FAMILIES, OTHER

NUM_BINS = 8
ORIENTED = tuple(
    FAMILIES.index(name) for name in ("first_derivative", "second_derivative", "difference")
)

Interval = tuple[float, float]


@dataclass(frozen=True)
class KernelSummary:
    """Shares are of kernels that aren't dead; all nan where all are.

    family_shares: (F,) share of the kernels in each family, above the threshold.
    family_intervals: (F, 2) Wilson intervals of these.
    classified, classified_interval: their sum, and its interval.
    null_classified: the same share of the null's kernels, above the same threshold; None if no
        null was given.
    median_r2, median_margin: of the best families' r^2 and its excess over the runner-up's, over
        all kernels, classified or not.
    entropy: of the families among the classified, in nats; 0 where all are of one family, nan
        where none is classified. normalized_entropy: it over log(F).
    orientations: (B,) how many classified derivatives and differences lie in each bin of the
        angle modulo pi; bin b is centred at b pi / B, so that the axes are amid bins.
    mean_dc_share: mean share of the norm that centering took, of kernels that aren't dead.
    dead_share: of all kernels.

    Intervals treat kernels as independent draws. Those of one layer were trained together, so
    they tell nothing about what another seed would give.
    """

    num_kernels: int
    num_dead: int
    confidence: float
    family_shares: NDArray[np.float64]
    family_intervals: NDArray[np.float64]
    classified: float
    classified_interval: Interval
    null_classified: float | None
    median_r2: float
    median_margin: float
    entropy: float
    normalized_entropy: float
    orientations: NDArray[np.int64]
    mean_dc_share: float
    dead_share: float


def summarize_kernels(
    fit: FamilyFit,
    families: NDArray[np.int64],
    mean_share: NDArray[np.float64],
    *,
    null_families: NDArray[np.int64] | None = None,
    confidence: float = 0.95,
) -> KernelSummary:
    """The summary of some kernels, such as those of one layer and size.

    families: (K,) as `classify` gives them, with the threshold of each kernel's size.
    mean_share: (K,) of `NormalizedKernels`.
    null_families: (N,) families of a null's kernels that aren't dead, such as the same layer's at
        initialisation, by the same threshold.

    >>> from estimators.kernel_fit import fit_families
    >>> from estimators.kernel_nulls import classify
    >>> from estimators.kernels import normalize_kernels
    >>> edge = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> kernels = normalize_kernels([edge, -edge, 0 * edge, edge.T])
    >>> fit = fit_families(kernels.shapes)
    >>> summary = summarize_kernels(fit, classify(fit, 0.9), kernels.mean_share)
    >>> summary.classified, summary.dead_share, summary.orientations.tolist()
    (1.0, 0.25, [2, 0, 0, 0, 1, 0, 0, 0])
    """
    if not len(fit.best) == len(families) == len(mean_share):
        raise ValueError(
            f"fit, families and mean_share must be of the same kernels, but got {len(fit.best)}, "
            f"{len(families)} and {len(mean_share)}: classify the fit that is summarised"
        )
    alive = fit.best != OTHER
    num_alive = int(alive.sum())
    counts = np.bincount(families[families != OTHER], minlength=len(FAMILIES))
    intervals = np.array([wilson_interval(int(count), num_alive, confidence) for count in counts])
    entropy = _entropy(counts)
    return KernelSummary(
        num_kernels=len(alive),
        num_dead=len(alive) - num_alive,
        confidence=confidence,
        family_shares=counts / num_alive if num_alive else np.full(len(FAMILIES), np.nan),
        family_intervals=intervals,
        classified=_mean(families[alive] != OTHER),
        classified_interval=wilson_interval(int(counts.sum()), num_alive, confidence),
        null_classified=None if null_families is None else _mean(null_families != OTHER),
        median_r2=_median(fit.best_r2[alive]),
        median_margin=_median(fit.margin[alive]),
        entropy=entropy,
        normalized_entropy=entropy / float(np.log(len(FAMILIES))),
        orientations=_orientations(fit.angle[np.isin(families, ORIENTED)]),
        mean_dc_share=_mean(mean_share[alive]),
        dead_share=(len(alive) - num_alive) / len(alive),
    )


def wilson_interval(count: int, total: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a binomial share; nan where nothing was drawn.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927,
    doi:10.1080/01621459.1927.10502953.

    >>> [round(bound, 3) for bound in wilson_interval(0, 20)]
    [0.0, 0.161]
    """
    from scipy.stats import norm

    if not 0 < confidence < 1:
        raise ValueError(
            f"`0 < confidence < 1` must hold, but got confidence={confidence}: 0.95 is usual"
        )
    if not 0 <= count <= total:
        raise ValueError(
            f"`0 <= count <= total` must hold, but got count={count} and total={total}: counts "
            "are of those drawn"
        )
    if total == 0:
        return float("nan"), float("nan")
    share, reach = count / total, float(norm.ppf((1 + confidence) / 2)) ** 2 / total
    middle = share + reach / 2
    half = float(np.sqrt(reach * share * (1 - share) + reach**2 / 4))
    low, high = (middle - half) / (1 + reach), (middle + half) / (1 + reach)
    return (low if count else 0.0), (high if count < total else 1.0)


def _orientations(angles: NDArray[np.float64]) -> NDArray[np.int64]:
    bins = np.rint(angles % np.pi * NUM_BINS / np.pi).astype(np.int64) % NUM_BINS
    return np.bincount(bins, minlength=NUM_BINS)


def _entropy(counts: NDArray[np.int64]) -> float:
    if counts.sum() == 0:
        return float("nan")
    shares = counts[counts > 0] / counts.sum()
    return float(np.maximum(-(shares * np.log(shares)).sum(), 0))


def _mean(values: NDArray[np.bool_] | NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
