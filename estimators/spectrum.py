"""Linear dimension: what one covariance spectrum gives.

Legend: N points, D units, R = min(N - 1, D) eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a sample covariance matrix.

    eigenvalues: (R,) float64, descending, never negative, R = min(N - 1, D).
    num_points, num_units: N and D of the points.
    """

    eigenvalues: NDArray[np.float64]
    num_points: int
    num_units: int

    @property
    def limited_by_points(self) -> bool:
        """Whether N, not D, bounds the rank, and so every dimension read off here."""
        return self.num_points - 1 < self.num_units


def covariance_spectrum(points: ArrayLike | torch.Tensor) -> Spectrum:
    """The covariance spectrum of (N, D) points, through the Gram matrix where D > N.

    Both matrices have the same nonzero eigenvalues, so this costs O(min(N, D)^3).
    Raises EstimationError unless N >= 2, D >= 1, all values are finite and some unit varies.
    """
    raw = points.detach() if isinstance(points, torch.Tensor) else np.asarray(points)
    tensor = torch.as_tensor(raw).to(torch.float64)
    num_points = tensor.shape[0] if tensor.ndim else 0
    if num_points < 2 or tensor.numel() == 0:
        raise EstimationError(
            f"a covariance needs at least 2 points of 1 unit, but got {tuple(tensor.shape)}"
        )
    tensor = tensor.reshape(num_points, -1)
    if not bool(torch.isfinite(tensor).all()):
        raise EstimationError(
            f"points must be finite, but {int((~torch.isfinite(tensor)).sum())} values are not"
        )
    num_units = tensor.shape[1]
    centered = tensor - tensor.mean(dim=0)
    gram = centered @ centered.T if num_units > num_points else centered.T @ centered
    rank = min(num_points - 1, num_units)
    eigenvalues = torch.linalg.eigvalsh(gram).flip(0)[:rank].clamp_min(0) / (num_points - 1)
    if not eigenvalues[0] > 0:
        raise EstimationError(f"all {num_points} points are equal: there is no spectrum")
    return Spectrum(eigenvalues.numpy(), num_points, num_units)


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

    Biased low at small N: it is below N - 1 whatever the data.

    >>> participation_ratio(Spectrum(np.array([1.0, 1.0, 0.0]), 100, 3))
    2.0
    """
    eigenvalues = spectrum.eigenvalues / spectrum.eigenvalues[0]
    return float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
