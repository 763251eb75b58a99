"""Network Dissection: which unit detects which concept, from exact counts.

D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying
Interpretability of Deep Visual Representations", CVPR 2017.

Legend: U units, C concepts in G categories.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimators.overlaps import Concepts, Coverage, Overlaps
from estimators.top_values import Thresholds

SHARE = 0.005  # of all positions that lie above a unit's threshold
IOU = 0.04  # a unit whose best concept exceeds it is a detector of it
NONE = -1


@dataclass(frozen=True)
class Dissection:
    """What the units of one layer detect.

    iou: (U, C) intersection over union of unit and concept, counted in images labelled in the
        concept's category; 0 where nothing is active or shown.
    ceiling: (U, C) what a perfect detector of that area could reach: the smaller of the two
        areas over the larger.
    precision, recall: (U, C) the intersection's share of the unit's area, and of the concept's.
    best, runner_up: (U,) numbers of the concepts with the two largest IoU, the lower number
        first among equals; NONE where no IoU is above 0.
    best_of: (U, G) the best concept of each category, likewise.
    is_usable: (U,) whether the unit is finite and not constant; of others all is 0.
    """

    concepts: Concepts
    iou: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    best: NDArray[np.int64]
    runner_up: NDArray[np.int64]
    best_of: NDArray[np.int64]
    is_usable: NDArray[np.bool_]

    @property
    def best_iou(self) -> NDArray[np.float64]:
        """(U,): IoU with the best concept; 0 where there is none."""
        return _at(self.iou, self.best)

    def detectors(self, iou: float = IOU) -> NDArray[np.bool_]:
        """(U,): which units exceed an IoU with their best concept."""
        return self.best_iou > iou

    def unique_detectors(self, iou: float = IOU) -> int:
        """How many concepts are the best one of some detector, over all categories together."""
        return len(np.unique(self.best[self.detectors(iou)]))

    def unique_by_category(self, iou: float = IOU) -> NDArray[np.int64]:
        """(G,): how many concepts of a category are the best *of it* for some unit above the IoU.

        The published bars are the sum of these.
        """
        found = np.zeros(self.concepts.num_categories, np.int64)
        for category in range(self.concepts.num_categories):
            best = self.best_of[:, category]
            found[category] = len(np.unique(best[_at(self.iou, best) > iou]))
        return found

    def curve(self, levels: NDArray[np.float64]) -> NDArray[np.int64]:
        """For each IoU threshold how many unique detectors there are, as `unique_detectors`."""
        return np.array([self.unique_detectors(level) for level in levels], np.int64)


def dissect(
    thresholds: Thresholds, overlaps: Overlaps, coverage: Coverage, label_set: int = 0
) -> Dissection:
    """Scores of all pairs of units and concepts, by one of the sets of labels counted."""
    concepts = coverage.concepts
    intersection = overlaps.intersection[label_set].astype(np.float64)
    area = overlaps.area[label_set][:, concepts.categories].astype(np.float64)
    truth = coverage.truth.astype(np.float64)
    iou = _share(intersection, area + truth - intersection)
    shown = np.broadcast_to(truth, area.shape)
    best, runner_up = _two_best(iou)
    best_of = np.full((len(iou), concepts.num_categories), NONE)
    for category in range(concepts.num_categories):
        members = np.flatnonzero(concepts.categories == category)
        if len(members):
            place = iou[:, members].argmax(axis=1)
            best_of[:, category] = members[place]
            best_of[_at(iou, best_of[:, category]) <= 0, category] = NONE
    return Dissection(
        concepts,
        iou,
        _share(np.minimum(area, shown), np.maximum(area, shown)),
        _share(intersection, area),
        _share(intersection, shown),
        best,
        runner_up,
        best_of,
        thresholds.is_usable,
    )


def _two_best(iou: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-iou, axis=1, kind="stable")
    columns = [order[:, place] if place < iou.shape[1] else None for place in (0, 1)]
    found = []
    for column in columns:
        best = np.full(len(iou), NONE) if column is None else column.copy()
        best[_at(iou, best) <= 0] = NONE
        found.append(best)
    return found[0], found[1]


def _at(values: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """(U,): of each row the value in a column; 0 where the column is NONE."""
    found = values[np.arange(len(values)), columns]
    return np.where(columns == NONE, 0.0, found)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
