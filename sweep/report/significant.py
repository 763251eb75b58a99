"""Numbers as short as a screen shows them, and text that can't leave its script element."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

DIGITS = 4


def significant(values: Iterable[float | None], digits: int = DIGITS) -> list[float | None]:
    """The values rounded to so many significant digits; what is not finite is None, as in JSON.

    >>> significant([12.3456, 0.000123456, 25557032.0, float("nan"), None, 0.0])
    [12.35, 0.0001235, 25560000.0, None, None, 0.0]
    """
    exact = np.array([np.nan if value is None else value for value in values], np.float64)
    finite = np.isfinite(exact)
    known = np.where(finite & (exact != 0), exact, 1.0)
    # Of the powers of ten only those to the 22nd are exact: beyond, a few more digits show.
    places = digits - 1 - np.floor(np.log10(np.abs(known)))
    with np.errstate(over="ignore", invalid="ignore"):
        up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
        rounded = np.round(known * up / down) * down / up
    # At the ends of what a double holds, the power of ten is beyond it.
    rounded = np.where(np.isfinite(rounded) & (exact != 0), rounded, exact)
    return [
        value if there else None
        for value, there in zip(rounded.tolist(), finite.tolist(), strict=True)
    ]


def script_json(value: Any) -> str:
    """Compact JSON for a script element: no "<" in it, so that no text can end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
