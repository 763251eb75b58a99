"""Names beside points, each where it covers no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

POINTS = 6.0  # size of the letters
LETTER, LINE = 0.58, 1.1  # width and height of one, by its size
AXES_SHARE = (0.88, 0.84)  # of a figure without legend and caption that a panel fills, about

Box = tuple[float, float, float, float]


def label_points(
    panel: Any,
    names: Sequence[str],
    bars: Sequence[tuple[float, float, float]],
    others: Sequence[tuple[float, float, float]] = (),
) -> None:
    """Write each name near its point, as near as others leave room; the limits must be final.

    bars: of each name the ends along x, and y. others: bars without a name, to be left free.
    """
    width, height = (
        share * inches * 72
        for share, inches in zip(AXES_SHARE, panel.figure.get_size_inches(), strict=True)
    )
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()

    def box_of(bar: tuple[float, float, float]) -> Box:
        low, high = ((end - left) / (right - left) * width for end in bar[:2])
        level = (bar[2] - bottom) / (top - bottom) * height
        return low - 3, level - 3, high + 3, level + 3

    taken = [box_of(bar) for bar in [*bars, *others]]
    for name, bar in zip(names, bars, strict=True):
        low, below, high, above = box_of(bar)
        middle, level = (low + high) / 2, (below + above) / 2
        wide, tall = len(name) * POINTS * LETTER, POINTS * LINE
        box = _free_box((low, high, level), (wide, tall), taken, (width, height))
        taken.append(box)
        far = not below - tall <= box[1] <= above
        panel.annotate(
            name, ((bar[0] + bar[1]) / 2, bar[2]),
            xytext=(box[0] - middle, box[1] - level), textcoords="offset points", fontsize=POINTS,
            arrowprops={"arrowstyle": "-", "lw": 0.3, "color": "0.5"} if far else None,
        )  # fmt: skip


def _free_box(
    bar: tuple[float, float, float],
    size: tuple[float, float],
    taken: Sequence[Box],
    limits: tuple[float, float],
) -> Box:
    """The nearest box right or left of a bar, over or under it, that covers none."""
    (low, high, level), (wide, tall) = bar, size
    choices = []
    for up in range(-72, 73, 3):
        below = level + up - tall / 2
        for start in (high + 1, low - wide - 1, (low + high - wide) / 2):
            choices.append((start, below, start + wide, below + tall))
    choices.sort(key=lambda box: _distance(box, bar))
    for box in choices:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= limits[0] and box[3] <= limits[1]
        if inside and not any(_overlap(box, other) for other in taken):
            return box
    return choices[0]


def _distance(box: Box, bar: tuple[float, float, float]) -> float:
    """From a box's middle to the bar; across counts less, as names are wide."""
    low, high, level = bar
    across = max(low - box[2], box[0] - high, 0.0)
    return abs((box[1] + box[3]) / 2 - level) + 0.5 * across + 0.01 * (box[0] < low)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
