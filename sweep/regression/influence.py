"""Who carries a correlation: leverage, Cook's distance, and r without each network.

Legend: N networks (configurations, seeds averaged).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.regression.clusters import Floats

# Cook and Weisberg, "Residuals and Influence in Regression", 1982: beyond 1, look at it.
LARGE_DISTANCE = 1.0
# Huber, "Robust Statistics", 1981: a point of leverage beyond 0.5 decides its own fit.
LARGE_LEVERAGE = 0.5


@dataclass(frozen=True)
class Influence:
    """What one network, or one family, does to Pearson's r.

    kind: "network" or "family". leverage: its share in its own fit (the diagonal of the hat
        matrix), of a family the sum. cooks_distance: how far the line moves without it, None
        for a family. value: r with all. without: r without it.
    """

    kind: str
    name: str
    leverage: float
    cooks_distance: float | None
    value: float
    without: float

    @property
    def is_large(self) -> bool:
        """Whether the line hangs on it: see LARGE_DISTANCE and LARGE_LEVERAGE."""
        if self.kind == "family":
            return False
        distance = self.cooks_distance or 0.0
        return distance > LARGE_DISTANCE or self.leverage > LARGE_LEVERAGE


def influences(
    x: Floats, y: Floats, names: Sequence[str], family: Sequence[str] | None
) -> list[Influence]:
    """Of each of the N networks, largest change of r first, then of each family likewise.

    The line is the plain one, response on predictor, over networks whose seeds are averaged.
    family: (N,), None where there are not two.
    """
    from statsmodels.regression.linear_model import OLS
    from statsmodels.stats.outliers_influence import OLSInfluence

    design = np.column_stack([np.ones(len(x)), (x - x.mean()) / x.std()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a perfect fit: its distances are not finite, below
        found = OLSInfluence(OLS(y, design).fit())
        leverage, distance = found.hat_matrix_diag, np.nan_to_num(found.cooks_distance[0])
    value = float(np.corrcoef(x, y)[0, 1])
    networks = [
        Influence("network", name, float(h), float(d), value, float(r))
        for name, h, d, r in zip(names, leverage, distance, _without_each(x, y), strict=True)
    ]
    groups = []
    for one in sorted(set(family or ())):
        inside = np.array([label == one for label in family or ()])
        rest = ~inside
        if rest.sum() >= 3 and min(x[rest].std(), y[rest].std()) > 0:
            without = float(np.corrcoef(x[rest], y[rest])[0, 1])
            share = float(leverage[inside].sum())
            groups.append(Influence("family", one, share, None, value, without))
    return [*_by_change(networks), *_by_change(groups)]


def _without_each(x: Floats, y: Floats) -> Floats:
    """(N,) Pearson's r of all but one."""
    n = len(x)
    a, b = x - x.mean(), y - y.mean()
    # Leaving i out takes its own product and the shift of the means: n / (n - 1) of it.
    share = n / (n - 1)
    product = a @ b - share * a * b
    spread_x, spread_y = a @ a - share * a * a, b @ b - share * b * b
    tiny = 1e-12
    sound = (spread_x > tiny * (a @ a)) & (spread_y > tiny * (b @ b))
    scale = np.sqrt(np.where(sound, spread_x * spread_y, 1.0))
    return np.where(sound, np.clip(product / scale, -1, 1), 0.0)


def _by_change(found: list[Influence]) -> list[Influence]:
    return sorted(found, key=lambda one: (-abs(one.value - one.without), one.name))
