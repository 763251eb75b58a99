"""Gaussian surrogates: what a representation would be if only its covariance mattered.

Legend: N points, D units, M points drawn, R = min(N, D), L principal directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError
from estimators.points import Points
from estimators.scatter import centered_blocks, mean_of_varied, scatter
from estimators.spectrum import Spectrum, above_rounding

Mode = Literal["matched", "ansuini2019"]
# Singular values below this share of the largest are rounding.
ROUNDING = 1e-7


def gaussian_surrogate(
    points: ArrayLike | torch.Tensor | Points | Sequence[ArrayLike | torch.Tensor],
    num_points: int | None = None,
    *,
    rng: np.random.Generator,
    mode: Mode = "matched",
) -> NDArray[np.float64]:
    """(M, D) Gaussian points with the mean and covariance of (N, D) `points`.

    If a representation is curved, its surrogate has a far larger intrinsic dimension:
    Ansuini, Laio, Macke, Zoccolan, NeurIPS 2019, arXiv:1905.12784.

    num_points: M; default: N. Give both the same number when comparing dimensions.
    mode: "matched" (default) draws from N(mean, C), C the sample covariance: along the
        principal directions the standard deviations are s_i / sqrt(N - 1), s_i the singular
        values of the centered points. Nothing is decomposed for that: with G of independent
        standard normal numbers, (M, N), and X the centered points, mean + G X / sqrt(N - 1)
        has this distribution, whatever D.
        "ansuini2019" draws as the code of that paper does, only to repeat its numbers: with
        standard deviations sqrt(s_i). The variances are then s_i in place of s_i^2 / (N - 1):
        the spectrum is too flat (a ratio of variances of 100 becomes 10), which inflates the
        surrogate's dimension and so the contrast. The scale differs too.

    Read block by block, so `Points` may be larger than memory; the result may not. Raises
    EstimationError unless N >= 2, all values are finite and some unit varies.

    >>> rng = np.random.default_rng(0)
    >>> line = np.outer(rng.uniform(size=500), [3.0, 4.0])
    >>> drawn = gaussian_surrogate(line, 2000, rng=rng)
    >>> bool(np.allclose(drawn[:, 1] * 3, drawn[:, 0] * 4)), drawn.std(axis=0).round(1).tolist()
    (True, [0.9, 1.1])
    """
    whole = points if isinstance(points, Points) else Points(points)
    wanted = _checked(mode, num_points, whole.num_points)
    if mode == "matched":
        return _draw_matched(whole, wanted, rng)
    return _draw_flat(whole, wanted, rng)


def surrogate_coordinates(
    spectrum: Spectrum,
    num_points: int | None = None,
    *,
    rng: np.random.Generator,
    mode: Mode = "matched",
) -> NDArray[np.float64]:
    """(M, L) Gaussian points as `gaussian_surrogate` draws, in their principal coordinates.

    Distances, and so any dimension read from them, have the distribution of those between
    points of D units; but L is at most N - 1, whatever D, and nothing but the spectrum is
    needed. Directions whose variance may be rounding alone are left out.

    spectrum: `covariance_spectrum(points)`. num_points, mode: as there; M defaults to N.

    >>> spectrum = Spectrum(np.array([9.0, 4.0, 0.0]), 1000, 50_000)
    >>> drawn = surrogate_coordinates(spectrum, rng=np.random.default_rng(0))
    >>> drawn.shape, drawn.std(axis=0).round().tolist()
    ((1000, 2), [3.0, 2.0])
    """
    wanted = _checked(mode, num_points, spectrum.num_points)
    variances = above_rounding(spectrum.eigenvalues, spectrum, spectrum.noise[0])
    if mode == "ansuini2019":
        variances = np.sqrt(variances * (spectrum.num_points - 1))  # singular values
    drawn: NDArray[np.float64] = rng.standard_normal((wanted, len(variances)))
    return drawn * np.sqrt(variances)


def _checked(mode: str, num_points: int | None, usual: int) -> int:
    """How many points to draw."""
    if mode not in get_args(Mode):
        raise EstimationError(f"mode must be one of {', '.join(get_args(Mode))}, but got {mode!r}")
    wanted = usual if num_points is None else num_points
    if wanted < 1:
        raise EstimationError(f"`num_points >= 1` must hold, but got num_points={num_points}")
    return wanted


def _draw_matched(points: Points, wanted: int, rng: np.random.Generator) -> NDArray[np.float64]:
    mean = mean_of_varied(points)
    drawn = mean.expand(wanted, -1).clone()
    scale = (points.num_points - 1) ** -0.5
    for _, block in centered_blocks(points, mean):
        weights = scale * torch.from_numpy(rng.standard_normal((wanted, len(block))))
        drawn.addmm_(weights.to(block.device), block)
    return np.asarray(drawn.cpu().numpy())


def _draw_flat(points: Points, wanted: int, rng: np.random.Generator) -> NDArray[np.float64]:
    found = scatter(points)
    squared, vectors = torch.linalg.eigh(found.matrix)
    sizes = squared.clamp_min(0).sqrt()
    keep = sizes > ROUNDING * sizes[-1]
    sizes, vectors = sizes[keep], vectors[:, keep]
    normal = torch.from_numpy(rng.standard_normal((wanted, len(sizes)))).to(sizes.device)
    drawn = found.mean.expand(wanted, -1).clone()
    if not found.is_gram:
        drawn.addmm_(normal * sizes.sqrt(), vectors.T)
        return np.asarray(drawn.cpu().numpy())
    # Principal directions are V' = S^-1 U' X.
    weights = (normal / sizes.sqrt()) @ vectors.T
    for here, block in centered_blocks(points, found.mean):
        drawn.addmm_(weights[:, here], block)
    return np.asarray(drawn.cpu().numpy())
