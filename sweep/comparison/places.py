"""Profiles of all sides at the same places: layer by layer, or at relative depths.

Legend: L layers, P places, N networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sweep.comparison.networks import Curve
from sweep.errors import UserError

Floats = NDArray[np.float64]
GRID = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class Places:
    """Where profiles are compared.

    kind: "layers" if all networks have the same ones, else "depths". names: of the places.
    depth: (P,) relative depths.
    """

    kind: Literal["layers", "depths"]
    names: tuple[str, ...]
    depth: Floats

    def read(self, curves: Sequence[Curve]) -> tuple[Floats, Floats]:
        """(N, P) values, and their standard errors of measuring.

        Between layers both go linearly: errors of neighboring layers, measured on the same
        images, needn't average out.
        """
        if self.kind == "layers":
            return np.stack([c.value for c in curves]), np.stack([c.error for c in curves])
        value, error = (
            np.stack([np.interp(self.depth, curve.depth, numbers) for curve, numbers in pairs])
            for pairs in ([(c, c.value) for c in curves], [(c, c.error) for c in curves])
        )
        return value, error


def find_places(quantity: str, curves: Sequence[Curve]) -> Places:
    """The layers, where all networks have the same; else depths that all profiles reach."""
    first = curves[0]
    if all(
        curve.layers == first.layers and np.allclose(curve.depth, first.depth) for curve in curves
    ):
        return Places("layers", first.layers, first.depth)
    low = max(float(curve.depth.min()) for curve in curves)
    high = min(float(curve.depth.max()) for curve in curves)
    depth = GRID[(low - 1e-9 <= GRID) & (high + 1e-9 >= GRID)]
    if len(depth) == 0 or low >= high:
        raise UserError(
            f"{quantity}: the profiles have no depth in common (one starts at {low:.2f}, one ends "
            f"at {high:.2f}): measure more layers, or choose other networks"
        )
    return Places("depths", tuple(f"{one:.2f}" for one in depth), depth)
