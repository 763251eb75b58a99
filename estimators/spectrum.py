"""Linear dimension: what one covariance spectrum gives.

Legend: N points, D units, R = min(N - 1, D) eigenvalues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError
from estimators.points import Points
from estimators.scatter import Moments, scatter

# Of the paper: what RankMe adds to each share, so that its logarithm exists.
RANKME_EPSILON = 1e-7


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a sample covariance matrix.

    eigenvalues: (R,) float64, descending, never negative, R = min(N - 1, D).
    num_points, num_units: N and D of the points.
    moments: sums that bias corrections need; None if the spectrum came without points.
    uncentered: (min(N, D),) eigenvalues of X'X / N without centering, descending; None if
        they were not asked for.
    noise: eigenvalues up to this may be rounding alone, with centering and without; 0 where
        float64's is all there is.
    """

    eigenvalues: NDArray[np.float64]
    num_points: int
    num_units: int
    moments: Moments | None = None
    uncentered: NDArray[np.float64] | None = None
    noise: tuple[float, float] = (0.0, 0.0)

    @property
    def limited_by_points(self) -> bool:
        """Whether N, not D, bounds the rank, and so every dimension read off here."""
        return self.num_points - 1 < self.num_units


def covariance_spectrum(
    points: ArrayLike | torch.Tensor | Points | Sequence[ArrayLike | torch.Tensor],
    *,
    uncentered: bool = False,
) -> Spectrum:
    """The covariance spectrum of (N, D) points, through the Gram matrix where D > N.

    points: an array or tensor, or `Points`, which may be larger than memory: they are read
        block by block, and only a matrix of side min(N, D) is kept, in float64.
    uncentered: whether to find the spectrum without centering too, which RankMe needs and
        which takes a second eigenvalue problem.

    Both matrices have the same nonzero eigenvalues, so this costs O(min(N, D)^3) and the
    products. Few float32 points of very many units are multiplied in float32, chunk by
    chunk, and added up in float64: eigenvalues are then off by less than `noise`, a few
    parts in a million of the mean eigenvalue. Asked for first, it spares
    `nearest_neighbors` of the same `Points` its products.
    Raises EstimationError unless N >= 2, D >= 1, all values are finite and some unit varies.
    """
    whole = points if isinstance(points, Points) else Points(points)
    found = scatter(whole)
    num_points, num_units = whole.num_points, whole.num_units
    rank = min(num_points - 1, num_units)
    raw = found.uncentered() if uncentered else None
    return Spectrum(
        _descending(found.matrix)[:rank] / (num_points - 1),
        num_points,
        num_units,
        found.moments,
        None if raw is None else _descending(raw) / num_points,
        (
            found.noise * float(found.matrix.diagonal().max()) / (num_points - 1),
            0.0 if raw is None else found.noise * float(raw.diagonal().max()) / num_points,
        ),
    )


def pc_dimension(spectrum: Spectrum, share: float = 0.9) -> int:
    """PC-ID: the least number of principal components holding `share` of the variance.

    Counted from 1: if the first component alone holds the share, the answer is 1.
    Never above N - 1, so a value near that says that N is too small, not what the
    dimension is.

    >>> pc_dimension(Spectrum(np.array([8.0, 1.5, 0.5]), 100, 3), share=0.9)
    2
    """
    if not 0 < share <= 1:
        raise EstimationError(f"`0 < share <= 1` must hold, but got share={share}")
    cumulative = np.cumsum(spectrum.eigenvalues)
    # A hair of slack: the sum of all eigenvalues must count as the whole variance.
    return int(np.searchsorted(cumulative, share * cumulative[-1] * (1 - 1e-12))) + 1


def participation_ratio(spectrum: Spectrum) -> float:
    """Participation ratio (sum l)^2 / sum l^2 of the eigenvalues l, between 1 and R.

    Biased low at small N: about 1 / (1 / ratio + 1 / N), below N - 1 whatever the data.

    >>> participation_ratio(Spectrum(np.array([1.0, 1.0, 0.0]), 100, 3))
    2.0
    """
    eigenvalues = spectrum.eigenvalues / spectrum.eigenvalues[0]
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def participation_ratio_corrected(spectrum: Spectrum, *, units_are_sample: bool = False) -> float:
    """Participation ratio (tr C)^2 / tr C^2 of the population, from a sample of N points.

    Chun, Canatar, Chung, Lee, "Estimating dimensionality of neural representations from
    finite samples", arXiv:2509.26560: numerator and denominator are replaced by unbiased
    estimates. Written as averages over four distinct points (U-statistics of the kernels
    (x1-x2).(x1-x2) (x3-x4).(x3-x4) / 4 and ((x1-x2).(x3-x4))^2 / 4) they need no mean, hold
    for any distribution, and have closed forms in the sample covariance S and
    q = sum |x - mean|^4 / (N - 1) (Himeno & Yamada 2014, doi:10.1016/j.jmva.2014.04.020):

        tr C^2:   f ((N-1)(N-2) tr S^2 + (tr S)^2 - N q),
        (tr C)^2: f ((N^2-3N+1) (tr S)^2 + 2 tr S^2 - N q),  f = (N-1) / (N (N-2) (N-3)).

    units_are_sample: also correct for the number of units, where the D units are a random
        sample of many more whose ratio is wanted, such as recorded neurons: products of a
        unit with itself are left out. Wrong for a layer, which has all its units; the value
        then depends on the units' basis.

    The two parts are unbiased; their ratio is so only to first order in 1/N, and it may
    exceed N. Raises EstimationError if N < 4, or if the estimated tr C^2 isn't positive,
    which happens where the ratio is far above N.

    >>> points = np.random.default_rng(0).standard_normal((40, 30))
    >>> spectrum = covariance_spectrum(points)
    >>> round(participation_ratio(spectrum)), round(participation_ratio_corrected(spectrum))
    (16, 28)
    """
    n, moments = spectrum.num_points, spectrum.moments
    if moments is None:
        raise EstimationError(
            "the correction needs moments of the points: make the spectrum by "
            "covariance_spectrum(points)"
        )
    if n < 4:
        raise EstimationError(f"`N >= 4` must hold, but got N={n}: four distinct points enter")
    trace = float(spectrum.eigenvalues.sum())
    # In units of the squared trace, so that no scale over- or underflows.
    trace_of_square = float(((spectrum.eigenvalues / trace) ** 2).sum())
    scatter_squared = (trace * (n - 1)) ** 2
    fourth = moments.points_fourth / scatter_squared * (n - 1)
    squared_trace = n**2 - 3 * n + 1 + 2 * trace_of_square - n * fourth
    square = (n - 1) * (n - 2) * trace_of_square + 1 - n * fourth
    if units_are_sample:
        own = (n**2 - 3 * n + 3) * moments.units_squared / scatter_squared
        own -= n * (n - 1) * moments.units_fourth / scatter_squared
        squared_trace, square = squared_trace - own, square - own
    if square <= 1e-12 * n**2:  # below rounding counts as none
        raise EstimationError(
            f"the estimated sum of squared eigenvalues must be positive, but N={n} points "
            "of many dimensions make it negative: bring more points"
        )
    return float(squared_trace / square)


def effective_rank(spectrum: Spectrum) -> float:
    """Effective rank exp(-sum p log p), p = s / sum s, of the centered points.

    s are the singular values, that is, roots of the eigenvalues, as defined by Roy and
    Vetterli, "The effective rank", EUSIPCO 2007, pp. 606-610; with eigenvalues in their
    place it would be smaller. Between 1 and R, and biased low at small N. Eigenvalues below
    rounding count as zero.

    >>> round(effective_rank(Spectrum(np.array([1.0, 1.0, 0.0]), 100, 3)), 9)
    2.0
    """
    roots = np.sqrt(above_rounding(spectrum.eigenvalues, spectrum, spectrum.noise[0]))
    shares = roots / roots.sum()
    return math.exp(-float((shares * np.log(shares)).sum()))


def rankme(spectrum: Spectrum) -> float:
    """RankMe: exp(-sum p log p), p = s / sum s + 1e-7, s singular values without centering.

    Garrido, Balestriero, Najman, LeCun, "RankMe", 2023, arXiv:2210.02885. It differs from
    `effective_rank` in that points are not centered, so that a mean far from 0 lowers it,
    and in the 1e-7 added to each of the min(N, D) shares. Needs the spectrum made by
    covariance_spectrum(points, uncentered=True).

    >>> signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> round(rankme(covariance_spectrum(signs, uncentered=True)), 4)
    2.0
    """
    if spectrum.uncentered is None:
        raise EstimationError(
            "RankMe needs the spectrum without centering: make it by "
            "covariance_spectrum(points, uncentered=True)"
        )
    # All of them, zeros too: the paper's sum runs over min(N, D) singular values.
    roots = np.zeros(len(spectrum.uncentered))
    above = np.sqrt(above_rounding(spectrum.uncentered, spectrum, spectrum.noise[1]))
    roots[: len(above)] = above
    shares = roots / roots.sum() + RANKME_EPSILON
    return math.exp(-float((shares * np.log(shares)).sum()))


def alpha_req(spectrum: Spectrum, first: int = 11, last: int = 100) -> float:
    """alpha-ReQ: the exponent a of the power law l_i ~ i^-a of the eigenvalues.

    Agrawal, Mondal, Ghosh, Richards, "alpha-ReQ: assessing representation quality in
    self-supervised learning by measuring eigenspectrum decay", NeurIPS 2022. Least squares
    of -log l_i on log i over ranks `first` to `last`, counted from 1, weighted by 1/i so
    that each stretch of log i counts alike (after Stringer et al. 2019,
    doi:10.1038/s41586-019-1346-5). The ranks are those of the authors' code; fewer, down to
    10, are used where there are fewer eigenvalues above rounding. The largest are left out
    as they rarely follow the law. The tail of a sample's spectrum falls too fast once ranks
    come near N, so the value is too large at small N.

    >>> law = Spectrum(np.arange(1.0, 201.0) ** -1.5, 1000, 200)
    >>> round(alpha_req(law), 6)
    1.5
    """
    if not 1 <= first < last:
        raise EstimationError(
            f"`1 <= first < last` must hold, but got first={first} and last={last}"
        )
    usable = above_rounding(spectrum.eigenvalues, spectrum, spectrum.noise[0])
    ranks = np.arange(first, min(last, len(usable)) + 1)
    if len(ranks) < min(10, last - first + 1):
        raise EstimationError(
            f"a power law over ranks {first} to {last} needs 10 eigenvalues there, but there "
            f"are {len(usable)} in all: start at a lower rank or bring more points"
        )
    x, y, weights = np.log(ranks), -np.log(usable[ranks - 1]), 1 / ranks
    x = x - np.average(x, weights=weights)
    return float((weights * x * y).sum() / (weights * x * x).sum())


def above_rounding(
    eigenvalues: NDArray[np.float64], spectrum: Spectrum, noise: float
) -> NDArray[np.float64]:
    """Those of the (R,) descending eigenvalues that differ from zero by more than rounding.

    noise: what float32 products may have put in, as `Spectrum.noise` has it.
    """
    unit = np.finfo(np.float64).eps * max(spectrum.num_points, spectrum.num_units)
    above: NDArray[np.float64] = eigenvalues[eigenvalues > max(noise, unit * eigenvalues[0])]
    return above


def _descending(matrix: torch.Tensor) -> NDArray[np.float64]:
    values = torch.linalg.eigvalsh(matrix).flip(0).clamp_min(0)
    return np.asarray(values.cpu().numpy(), dtype=np.float64)
