"""Random numbers by counting: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

A number depends on its counter alone, so none depends on which others are drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer: every bit of the input stirs every bit of the output."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def to_unit(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) from the 53 highest bits."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
