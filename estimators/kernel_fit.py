"""Which template family a kernel resembles most, by how much, and with which parameters.

Legend: K kernels of k x k pixels, F families, P templates of a bank.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from estimators.kernel_angles import best_angles
from estimators.kernel_banks import NUM_ANGLES, Bank, banks_of
from estimators.kernel_templates import FAMILIES, OTHER, WITH_RATIO
from estimators.kernels import require_size

Floats = NDArray[np.float64]
Scores = NDArray[np.float32]

# Kernels at a time. Fewer fit a cache better, but then threads wait for one another more often,
# which is slow where other work has the cores.
BLOCK = 4096


@dataclass(frozen=True)
class FamilyFit:
    """How well the best template of each family fits each kernel, gain and offset free.

    r2: (K, F) squared cosine of the kernel with it, both centered; 0 where only the other sign
        fits, for families that have one, and for families that a size has not.
    best, runner_up: (K,) numbers in FAMILIES of the two largest; OTHER for dead kernels.
    margin: (K,) by how much the best one's r^2 exceeds the runner-up's.

    Of the best one:
    sign: (K,) of the gain: -1 for Off families, and for a Gaussian or a bar that is dark.
    sigma: (K,) in pixels, interpolated; what it is of each family `kernel_templates` says.
    ratio: (K,) of surround to center, of a bar's length to its width; a grid's. nan for others.
    angle: (K,) in radians from x (right) towards y (down): of first derivatives and differences
        the direction in which they rise, in [0, 2 pi); of second derivatives the one across the
        bar, in [0, pi). nan for others.
    offset: (K, 2) of the centre in pixels, x and y: 0 or half a pixel.
    All nan, and sign 0, where a kernel is dead.
    """

    r2: Floats
    best: NDArray[np.int64]
    runner_up: NDArray[np.int64]
    margin: Floats
    sign: NDArray[np.int64]
    sigma: Floats
    ratio: Floats
    angle: Floats
    offset: Floats

    @property
    def best_r2(self) -> Floats:
        """(K,): r^2 of the best family; 0 for dead kernels."""
        return np.asarray(self.r2.max(axis=1))


def fit_families(
    shapes: NDArray[np.floating],
    *,
    families: Collection[str] = FAMILIES,
    half_pixel: bool = True,
    block: int = BLOCK,
) -> FamilyFit:
    """The best template of every family for each kernel.

    shapes: (K, k, k) as `normalize_kernels` gives them; zeros are dead kernels.
    families: which ones take part; of others r^2 is 0.
    half_pixel: whether templates may lie half a pixel off. More freedom finds more in kernels,
        and in noise: thresholds must come from nulls fitted in the same way.
    block: kernels at a time, at most about 12 kB of memory each; results are the same for any
        but for rounding (1e-6 of r^2).

    A dictionary over offsets, scales and ratios; angles are exact, as first derivatives turn in
    a plane, and of second derivatives the best angle is solved for in the best cell. r^2 falls
    short of the best over continuous parameters by 0.001 at the median and at most 0.015 for a
    kernel that is a template; by 0.04 for the narrowest bars and 0.025 for wide squares.

    Raises ValueError for other arrays, or for kernels that are not normalised.

    >>> from estimators.kernels import normalize_kernels
    >>> edge = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> fit = fit_families(normalize_kernels([edge, -edge.T]).shapes)
    >>> [FAMILIES[number] for number in fit.best]
    ['first_derivative', 'first_derivative']
    >>> np.degrees(fit.angle).round().tolist()
    [0.0, 270.0]
    """
    shapes = np.asarray(shapes)
    require_size(shapes)
    flat = shapes.reshape(len(shapes), -1)
    if block < 1:
        raise ValueError(f"`block >= 1` must hold, but got block={block}")
    _require_normalized(flat)
    unknown = set(families) - set(FAMILIES)
    if unknown or len(set(families)) < 2:
        raise ValueError(
            f"two or more of {', '.join(FAMILIES)} must be asked for, but got {sorted(families)}"
        )
    wanted = {FAMILIES.index(family) for family in families}
    banks = [
        bank
        for bank in banks_of(shapes.shape[1], half_pixel)
        if not wanted.isdisjoint(bank.families)
    ]
    fits = [
        _fit(flat[start : start + block], banks, wanted) for start in range(0, len(flat), block)
    ]
    r2, best, runner_up, sign, values = (np.concatenate(part) for part in zip(*fits, strict=True))
    rows = np.arange(len(r2))
    margin = r2[rows, best] - r2[rows, runner_up]
    dead = ~flat.any(axis=1)
    best[dead] = runner_up[dead] = OTHER
    margin[dead], sign[dead], values[dead] = 0, 0, np.nan
    sigma, ratio, angle = values[:, 0], values[:, 1], values[:, 2]
    return FamilyFit(r2, best, runner_up, margin, sign, sigma, ratio, angle, values[:, 3:])


def join_fits(fits: Sequence[FamilyFit]) -> FamilyFit:
    """The fits of some groups of kernels as one, also of several sizes.

    >>> from estimators.kernels import normalize_kernels
    >>> rng = np.random.default_rng(0)
    >>> fits = [
    ...     fit_families(normalize_kernels(rng.normal(size=(3, k, k))).shapes) for k in (5, 7)
    ... ]
    >>> join_fits(fits).r2.shape
    (6, 10)
    """
    if not fits:
        raise ValueError("at least one fit must be given, but got none: fit some kernels first")
    parts = {
        field.name: np.concatenate([getattr(fit, field.name) for fit in fits])
        for field in fields(FamilyFit)
    }
    return FamilyFit(**parts)


def _require_normalized(flat: NDArray[np.floating]) -> None:
    norms = np.einsum("ij,ij->i", flat, flat)
    means = np.abs(flat.mean(axis=1))
    wrong = ~((norms == 0) | ((np.abs(norms - 1) < 1e-3) & (means < 1e-4)))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"mean 0 and norm 1 must hold for each kernel, or all zeros, but got mean "
            f"{means[first]:.3g} and squared norm {norms[first]:.3g} for kernel {first}: use "
            "normalize_kernels(kernels).shapes"
        )


def _fit(
    flat: NDArray[np.floating], banks: Sequence[Bank], wanted: Set[int]
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]:
    """r2, best, runner_up, sign and parameters of a block of kernels."""
    kernels = np.ascontiguousarray(flat, dtype=np.float32)
    num_kernels = len(kernels)
    rows = np.arange(num_kernels)
    r2 = np.zeros((num_kernels, len(FAMILIES)))
    signs = np.ones((num_kernels, len(FAMILIES)), np.int64)
    values = np.full((num_kernels, len(FAMILIES), 5), np.nan)
    vectors = [part for bank in banks for part in bank.vectors]
    # One product for all banks: one place for threads to meet.
    together = kernels @ np.concatenate(vectors).T
    ends = np.cumsum([len(part) for part in vectors])
    next_scores = iter(np.split(together, ends[:-1], axis=1))
    for bank in banks:
        scores = [next(next_scores) for _ in bank.vectors]
        if len(scores) > 1:
            squares = scores[0] ** 2 + scores[1] ** 2
            cells = squares.argmax(axis=1)
            (family,) = bank.families
            r2[:, family] = squares[rows, cells]
            pair = np.stack([part[rows, cells] for part in scores], axis=1).astype(np.float64)
            values[:, family] = _parameters(bank, cells, lambda at, s=squares: s[rows, at])
            parts = np.einsum("kij,kj->ki", bank.to_parts[cells], pair)
            values[:, family, 2] = np.arctan2(parts[:, 1], parts[:, 0]) % (2 * np.pi)
            continue
        (products,) = scores
        most, least = products.argmax(axis=1), products.argmin(axis=1)
        high, low = products[rows, most], products[rows, least]
        if len(bank.families) == 2:
            chosen = [(most, np.maximum(high, 0)), (least, np.minimum(low, 0))]
        else:
            is_dark = -low > high
            chosen = [(np.where(is_dark, least, most), np.where(is_dark, low, high))]
        for family, (cells, product) in zip(bank.families, chosen, strict=True):
            r2[:, family] = product.astype(np.float64) ** 2
            signs[:, family] = np.where(product < 0, -1, 1)
            found = _parameters(bank, cells, lambda at, p=products: p[rows, at] ** 2)
            if bank.formula == "second_derivative":
                # Angles are next to one another in the bank.
                turn = cells % NUM_ANGLES
                grid = (cells - turn)[:, None] + np.arange(NUM_ANGLES)
                found[:, 2], r2[:, family] = best_angles(
                    products[rows[:, None], grid], bank.norms[grid], turn
                )
            values[:, family] = found
    np.minimum(r2, 1.0, out=r2)
    r2[:, [n for n in range(len(FAMILIES)) if n not in wanted]] = 0
    order = np.argsort(-r2, axis=1, kind="stable")
    best, runner_up = order[:, 0].copy(), order[:, 1].copy()
    return r2, best, runner_up, signs[rows, best], values[rows, best]


def _parameters(bank: Bank, cells: NDArray[np.int64], r2_at: Callable[..., Scores]) -> Floats:
    """(K, 5) sigma, ratio, angle and offset of the best cells, sigma by a parabola's peak."""
    inside = bank.has_neighbors[cells]
    stride = np.where(inside, bank.stride, 0)
    below, here, above = (r2_at(cells + step * stride).astype(np.float64) for step in (-1, 0, 1))
    bend = below - 2 * here + above
    with np.errstate(invalid="ignore", divide="ignore"):
        peak = np.where(inside & (bend < 0), 0.5 * (below - above) / bend, 0.0)
    towards = cells + np.where(peak < 0, -stride, stride)
    step = np.abs(np.log(bank.sigma[towards] / bank.sigma[cells]))
    sigma = bank.sigma[cells] * np.exp(np.clip(peak, -0.5, 0.5) * step)
    ratio = bank.ratio[cells] if bank.formula in WITH_RATIO else np.full(len(cells), np.nan)
    unknown = np.full(len(cells), np.nan)
    return np.column_stack([sigma, ratio, unknown, bank.offset[cells]])
