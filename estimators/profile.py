"""Values of a profile that stand out from their neighbors in it.

Legend: L layers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.errors import EstimationError

REACH = 3  # neighbors looked at on each side
THRESHOLD = 5.0  # robust standard deviations
MIN_FACTOR = 3.0
MIN_NEIGHBORS = 3
MAD_TO_STD = 1.4826  # of a normal distribution


def flag_outliers(values: ArrayLike, stderrs: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Which values of a profile stand out, such as a dimension of 365 among 6 to 12.

    values: (L,) dimensions in the order of the layers; NaN where there is none.
    stderrs: (L,) their standard errors, if known.

    Each value is compared with up to 3 finite ones on each side of it, in logarithms: with
    their median, and with their robust line (Theil and Sen: the median slope of pairs), since
    a profile that falls steeply all along is sound. It is flagged if it is farther from both
    than
      - 5 robust standard deviations around the line (1.4826 times the median absolute
        deviation), together with its own relative error and the median of theirs; and
      - log 3: profiles rise and fall by a factor of 2 or more from layer to layer without
        anything being wrong.
    At the ends of a profile, and where there are fewer than 3 values to compare with, the
    comparison takes those that are there; with fewer than 3 nothing is flagged. Values of 0
    or less, or infinite, stand out always. A flag is no reason to hide a value: it is one to
    look at the layer, its scale, and its duplicates.

    Raises EstimationError if the two lists differ in length.

    >>> flag_outliers([8, 9, 11, 365, 12, 10, 7]).tolist()
    [False, False, False, True, False, False, False]
    """
    given = np.asarray(values, dtype=np.float64)
    errors = np.zeros_like(given) if stderrs is None else np.asarray(stderrs, dtype=np.float64)
    if given.ndim != 1 or errors.shape != given.shape:
        raise EstimationError(
            f"values and stderrs must be two lists of the same length, but got shapes "
            f"{given.shape} and {errors.shape}"
        )
    usable = np.isfinite(given) & (given > 0)
    flags = ~usable & ~np.isnan(given)
    places = np.flatnonzero(usable)
    logs = np.log(given[places])
    relative = np.nan_to_num(errors[places] / given[places])
    for number, place in enumerate(places):
        around = np.r_[max(0, number - REACH) : number, number + 1 : number + 1 + REACH]
        around = around[around < len(places)]
        if len(around) < MIN_NEIGHBORS:
            continue
        steps, heights = (around - number).astype(np.float64), logs[around]
        first, second = np.triu_indices(len(around), 1)
        slopes = (heights[second] - heights[first]) / (steps[second] - steps[first])
        residuals = heights - float(np.median(slopes)) * steps
        center = float(np.median(residuals))
        spread = MAD_TO_STD * float(np.median(np.abs(residuals - center)))
        noise = math.hypot(relative[number], float(np.median(relative[around])))
        allowed = max(math.log(MIN_FACTOR), THRESHOLD * math.hypot(spread, noise))
        distances = abs(logs[number] - center), abs(logs[number] - float(np.median(heights)))
        flags[place] = min(distances) > allowed
    return flags
