"""The eight "master key" filters, and how much of each kernel one of them explains.

Babaiee, Kiasari, Rus, Grosu, "The Quest for Universal Master Key Filters in DS-CNNs", NeurIPS
2025, arXiv:2509.11711: eight filters f', with f ~ a f' + b, stand in for the depthwise kernels of
trained networks. Their ideal forms, from Lindeberg, Babaiee, Kiasari, arXiv:2509.12746 (scales as
in the code published with it, method B), are drawn here: the discrete analogue of the Gaussian,
T(n; s) = exp(-s) I_n(s) with s = sigma^2, and differences of it. Which way each difference points
is as in the eight trained filters that were published, and so is the sharpening: a single pixel
less gamma times the Laplacian of T, which is negative around the pixel as the trained filter is.
With T in the pixel's place, as that code has it, it would be positive there, and keys 7 and 8
would correlate 0.96.

x counts columns to the right, y rows downwards. Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from estimators.kernels import require_odd, require_size

Floats = NDArray[np.float64]
NONE = -1

# A difference is named after the side of the centre that its second pixel lies on.
MASTER_KEYS = (
    "difference_down",
    "difference_right",
    "difference_up",
    "difference_left",
    "derivative_x",
    "derivative_y",
    "sharpening",
    "gaussian",
)
SCALES = (  # sigma_x and sigma_y in pixels
    (0.644, 0.583),
    (0.586, 0.644),
    (0.690, 0.674),
    (0.756, 0.460),
    (1.107, 0.945),
    (0.900, 0.889),
    (0.675, 0.675),
    (0.609, 0.601),
)
GAMMA = 0.5  # of the sharpening: one pixel less GAMMA times T's Laplacian

# Of each derivative the two places (x, y) whose T is taken from one another.
_PLACES = {
    "difference_down": ((0, 0), (0, 1)),
    "difference_right": ((0, 0), (1, 0)),
    "difference_up": ((0, 0), (0, -1)),
    "difference_left": ((0, 0), (-1, 0)),
    "derivative_x": ((1, 0), (-1, 0)),
    "derivative_y": ((0, 1), (0, -1)),
}


@dataclass(frozen=True)
class KeyFit:
    """How much of each kernel the master keys explain, up to a gain and a constant.

    r2: (K, 8) squared cosine with each key, both centered: the share of a kernel's variance that
        a f' + b explains.
    best, runner_up: (K,) numbers in MASTER_KEYS of the two largest; NONE for dead kernels.
    margin: (K,) by how much the best one's r^2 exceeds the runner-up's. Keys 7 and 8, the
        sharpening and the Gaussian, correlate 0.92, so that between them it is often small.
    span_r2: (K,) share that all eight and a constant explain together: of white noise
        8 / (k^2 - 1), but 7/8 at k = 3, where they span seven dimensions of eight.
    """

    r2: Floats
    best: NDArray[np.int64]
    runner_up: NDArray[np.int64]
    margin: Floats
    span_r2: Floats

    @property
    def best_r2(self) -> Floats:
        """(K,): r^2 of the best key; 0 for dead kernels."""
        return np.asarray(self.r2.max(axis=1))


def discrete_gaussian(places: NDArray[np.int64], sigma: float) -> Floats:
    """T(n; s) = exp(-s) I_n(s), s = sigma^2: sums to 1 over all integers, with the variance s.

    >>> places = np.arange(-20, 21)
    >>> weights = discrete_gaussian(places, 1.5)
    >>> bool(np.isclose(weights.sum(), 1)), bool(np.isclose(weights @ places**2, 1.5**2))
    (True, True)
    """
    return np.asarray(ive(np.abs(places), sigma**2), dtype=np.float64)


def master_keys(size: int = 7) -> Floats:
    """(8, k, k): the master keys, centered and of unit norm, in the order of MASTER_KEYS.

    Differences are those of the endless T, cut out afterwards. Raises ValueError for even sizes
    and ones below 3.

    >>> keys = master_keys().reshape(8, -1)
    >>> float((keys[6] @ keys[7]).round(2))
    0.92
    """
    require_odd(size)
    places = np.arange(size) - size // 2
    drawn = [_key(name, places, *scales) for name, scales in zip(MASTER_KEYS, SCALES, strict=True)]
    keys = np.stack(drawn)
    keys -= keys.mean(axis=(1, 2), keepdims=True)
    return np.asarray(keys / np.linalg.norm(keys, axis=(1, 2), keepdims=True))


def _key(name: str, places: NDArray[np.int64], sigma_x: float, sigma_y: float) -> Floats:
    def blob(x: int = 0, y: int = 0) -> Floats:
        """T around a place."""
        return np.outer(
            discrete_gaussian(places - y, sigma_y), discrete_gaussian(places - x, sigma_x)
        )

    if name in _PLACES:
        first, second = _PLACES[name]
        return blob(*first) - blob(*second)
    if name == "sharpening":
        laplacian = blob(1) + blob(-1) + blob(0, 1) + blob(0, -1) - 4 * blob()
        pixel = np.outer(places == 0, places == 0)
        return np.asarray(pixel - GAMMA * laplacian)
    return blob()


def explained_by_keys(shapes: NDArray[np.floating]) -> KeyFit:
    """The master key with the largest squared cosine, of each kernel.

    shapes: (K, k, k) as `normalize_kernels` gives them; zeros are dead kernels. Squared cosines
    don't see the sign of the gain, as a of a f' + b may be negative.

    >>> found = explained_by_keys(-master_keys(5))
    >>> found.best.tolist(), bool(np.allclose(found.best_r2, 1))
    ([0, 1, 2, 3, 4, 5, 6, 7], True)
    """
    shapes = np.asarray(shapes)
    require_size(shapes)
    flat = shapes.reshape(len(shapes), -1)
    keys = master_keys(shapes.shape[1]).reshape(len(MASTER_KEYS), -1)
    r2 = np.minimum(np.square(flat @ keys.T), 1.0)
    _, values, basis = np.linalg.svd(keys, full_matrices=False)
    basis = basis[values > 1e-9 * values[0]]
    span_r2 = np.minimum(np.square(flat @ basis.T).sum(axis=1), 1.0)
    order = np.argsort(-r2, axis=1, kind="stable")
    best, runner_up = order[:, 0].copy(), order[:, 1].copy()
    rows = np.arange(len(r2))
    margin = r2[rows, best] - r2[rows, runner_up]
    best[~flat.any(axis=1)] = runner_up[~flat.any(axis=1)] = NONE
    return KeyFit(r2, best, runner_up, margin, span_r2)
