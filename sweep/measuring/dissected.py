"""What the counts of a dissection say: rows for tracking, regression and report, and tables.

Legend: U units of a layer, C concepts in G categories, R permutations of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimators.dissection import NONE, Dissection, dissect
from estimators.overlaps import Coverage, Overlaps
from estimators.top_images import NO_IMAGE
from estimators.top_values import Thresholds
from sweep.data.labels import Labels
from sweep.measuring.counting import Counts, Findings
from sweep.measuring.dissected_network import network_quantities
from sweep.measuring.labelled import (
    counted,
    coverage_of,
    matched,
    overlaps_of,
    within,
)
from sweep.measuring.probe import UNROTATED, Probe
from sweep.models.layers import Layer
from sweep.sealing import content_key

LEVELS = np.round(np.arange(0.01, 0.51, 0.01), 2)  # of IoU, of the curve


@dataclass(frozen=True)
class Matched:
    """Units above levels that match the coverage of their best concepts.

    share: (U,) of positions above the level. iou: (U,) with the concept that was best before.
    """

    share: NDArray[np.float64]
    thresholds: Thresholds
    iou: NDArray[np.float64]


@dataclass(frozen=True)
class LayerFindings:
    """One layer. matched: None unless asked for.

    nulls: by permuted labels. rotated: (rotation, alpha, what it detects).
    """

    layer: Layer
    thresholds: Thresholds
    overlaps: Overlaps
    found: Dissection
    matched: Matched | None
    nulls: list[Dissection]
    rotated: list[tuple[int, float, Dissection]]

    @property
    def p_values(self) -> NDArray[np.float64]:
        """(U,): how often permuted labels give a unit as large a best IoU, itself counted.

        NaN without permutations. The least there can be is 1 / (R + 1).
        """
        if not self.nulls:
            return np.full(len(self.found.best), np.nan)
        as_large = [null.best_iou >= self.found.best_iou for null in self.nulls]
        return np.asarray((1 + np.sum(as_large, axis=0)) / (1 + len(self.nulls)))


def conclude(analysis: str, probe: Probe, counts: Sequence[Counts]) -> Findings:
    """Rows of layers and network, and the tables `units`, `curves`, `rotations`, `concepts`.

    counts: of each pass.
    """
    labels = probe.labels
    first, second = counts[:2]
    coverage = coverage_of(probe, second)
    layers = [
        _layer_findings(probe, place, counts, coverage) for place in range(len(probe.layouts))
    ]
    settings = _settings(probe)
    rows = [
        probe.checkpoint.layer_row(
            each.layer,
            analysis,
            f"dissection/{quantity}",
            value,
            low=low,
            high=high,
            num_samples=len(probe.rows),
            settings=settings,
        )
        for each in layers
        for quantity, value, low, high in _quantities(each, probe)
    ]
    whole = network_quantities(layers, probe.layouts, labels.categories, probe.config.iou)
    rows += [
        probe.checkpoint.row(
            analysis,
            f"dissection/{quantity}",
            value,
            num_samples=len(probe.rows),
            settings=settings,
        )
        for quantity, value in whole
    ]
    tables = {
        "units": pa.concat_tables(
            _units(each, probe, place, first, second) for place, each in enumerate(layers)
        ),
        "curves": _curves(layers),
        "rotations": _rotations(layers, probe.config.iou),
        "concepts": _concepts(labels, coverage),
    }
    return Findings(rows, tables)


def _layer_findings(
    probe: Probe, place: int, counts: Sequence[Counts], coverage: Coverage
) -> LayerFindings:
    first, second = counts[:2]
    sets = len(probe.orders)
    levels, overlaps = counted(probe, first, second, place, 0)
    found = dissect(levels, overlaps, coverage)
    return LayerFindings(
        probe.layouts[place].layer,
        levels,
        overlaps,
        found,
        _matched(probe, place, counts, coverage, found) if len(counts) > 2 else None,
        [dissect(levels, overlaps, coverage, number) for number in range(1, sets)],
        [
            (*variant, dissect(*counted(probe, first, second, place, number), coverage))
            for number, variant in enumerate(probe.variants(place))
            if variant != UNROTATED
        ],
    )


def _matched(
    probe: Probe, place: int, counts: Sequence[Counts], coverage: Coverage, found: Dissection
) -> Matched:
    first, second, third = counts
    shares, levels = matched(probe, first, second, place)
    again = dissect(levels, overlaps_of(probe, levels, within(third, place)), coverage)
    return Matched(shares, levels, _at(again.iou, found.best))


def _settings(probe: Probe) -> dict[str, Any]:
    """All that fixes the numbers."""
    checkpoint, config = probe.checkpoint, probe.config
    return {
        "data": checkpoint.data.name,
        "data_digest": checkpoint.data.digest,
        "split": checkpoint.config.split,
        "samples_digest": content_key(probe.ids.tolist()),
        "sampling_seed": checkpoint.config.seed,
        "activation_dtype": checkpoint.config.dtype,
        "share_above_threshold": config.share,
        "detector_iou": config.iou,
        "ties": config.ties,
        "matched_up_to": config.matched_up_to,
        "anchors": config.anchors,
        "permutations": config.permutations,
        "rotations": config.rotations and config.rotations.model_dump(),
        "seed": config.seed,
        "mask_resolution": list(probe.labels.resolution),
    }


Quantity = tuple[str, float, float | None, float | None]


def _quantities(each: LayerFindings, probe: Probe) -> Iterator[Quantity]:
    """(name, value, low, high) of what sums up a layer."""
    level, found = probe.config.iou, each.found
    detectors = int(found.detectors(level).sum())
    num_units = len(found.best)
    yield "unique_detectors", found.unique_detectors(level), None, None
    by_category = found.unique_by_category(level)
    yield "unique_by_category", int(by_category.sum()), None, None
    yield "detectors", detectors, None, None
    yield "detector_share", detectors / num_units, None, None
    if each.nulls:
        counts = [null.unique_detectors(level) for null in each.nulls]
        low, high = np.quantile(counts, [0.025, 0.975])
        yield "null_unique_detectors", float(np.mean(counts)), float(low), float(high)
    if each.matched is not None:
        yield "matched_detectors", int((each.matched.iou > level).sum()), None, None
    if each.rotated:
        whole = max(alpha for _, alpha, _ in each.rotated)
        counts = [f.unique_detectors(level) for _, alpha, f in each.rotated if alpha == whole]
        value, low, high = np.mean(counts), min(counts), max(counts)
        yield "rotated_unique_detectors", float(value), float(low), float(high)
    yield "dead_units", int(each.thresholds.constant.sum()), None, None
    usable = found.is_usable
    mean = float(found.best_iou[usable].mean()) if usable.any() else 0.0
    yield "mean_iou", mean, None, None
    for category, count in zip(probe.labels.categories, by_category.tolist(), strict=True):
        yield f"unique_{category}", count, None, None


def _units(
    each: LayerFindings, probe: Probe, place: int, first: Counts, second: Counts
) -> pa.Table:
    """A row a unit: threshold, area, best concept with its scores, top images, masks.

    area: pixels of all images at which the unit is active. matched_*: where asked for.
    masks: packed bits of where a detector is active in its top images; none of other units.
    """
    found, levels, labels = each.found, each.thresholds, probe.labels
    count = len(found.best)
    positions = levels.num_positions
    columns: dict[str, Any] = {
        "layer": [each.layer.name] * count,
        "layer_index": [each.layer.index] * count,
        "unit": np.arange(count),
        "threshold": levels.level,
        "inclusive": levels.inclusive,
        "dead": levels.constant,
        "finite": np.isfinite(levels.least) & np.isfinite(levels.largest),
        "share_above": each.overlaps.above / positions,
        "share_at": each.overlaps.tied / positions,
        "detector": found.detectors(probe.config.iou),
        "p_value": each.p_values,
    }
    for title, best in (("", found.best), ("runner_up_", found.runner_up)):
        columns |= _scores(title, found, best, labels)
    columns["area"] = np.where(
        found.best == NONE, 0, _at(each.overlaps.area[0][:, labels.category_of], found.best)
    ).astype(np.int64)
    if each.matched is not None:
        columns["matched_share"] = each.matched.share
        columns["matched_threshold"] = each.matched.thresholds.level
        columns["matched_iou"] = each.matched.iou
    for number, category in enumerate(labels.categories):
        best = found.best_of[:, number]
        columns[f"best_{category}"] = _names(best, labels)
        columns[f"iou_{category}"] = _at(found.iou, best)
    images, values = first[f"{place}.images"].T, first[f"{place}.values"].T
    known = images != NO_IMAGE
    top = [probe.ids[row[there]].tolist() for row, there in zip(images, known, strict=True)]
    columns["top_images"] = pa.array(top, pa.list_(pa.int64()))
    top = [row[there].tolist() for row, there in zip(values, known, strict=True)]
    columns["top_values"] = pa.array(top, pa.list_(pa.float64()))
    columns["top_masks"] = _masks(columns["detector"], place, second)
    return pa.table(columns)


def _scores(
    title: str, found: Dissection, best: NDArray[np.int64], labels: Labels
) -> dict[str, Any]:
    iou, ceiling = _at(found.iou, best), _at(found.ceiling, best)
    categories = [labels.categories[labels.category_of[c]] if c != NONE else None for c in best]
    return {
        f"{title}concept": _names(best, labels),
        f"{title}category": pa.array(categories, pa.string()),
        f"{title}iou": iou,
        f"{title}ceiling": ceiling,
        f"{title}iou_of_ceiling": np.divide(
            iou, ceiling, out=np.zeros_like(iou), where=ceiling > 0
        ),
        f"{title}precision": _at(found.precision, best),
        f"{title}recall": _at(found.recall, best),
    }


def _masks(detector: NDArray[np.bool_], place: int, second: Counts) -> pa.Array:
    """By unit, the masks of its top images in their order."""
    masks: list[dict[int, bytes]] = [{} for _ in detector]
    places, bits = second[f"{place}.mask_places"], second[f"{place}.mask_bits"]
    for (unit, rank), mask in zip(places.tolist(), bits, strict=True):
        if detector[unit]:
            masks[unit][rank] = mask.tobytes()
    return pa.array([[one[rank] for rank in sorted(one)] for one in masks], pa.list_(pa.binary()))


def _curves(layers: list[LayerFindings]) -> pa.Table:
    """Unique detectors of each layer over thresholds of IoU; beside it the null's mean."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("layer_index", "iou", "unique_detectors", "null_unique_detectors")
    }
    for each in layers:
        nulls = [null.curve(LEVELS) for null in each.nulls]
        null = np.mean(nulls, axis=0) if nulls else np.full(len(LEVELS), np.nan)
        columns["layer_index"] += [each.layer.index] * len(LEVELS)
        columns["iou"] += LEVELS.tolist()
        columns["unique_detectors"] += each.found.curve(LEVELS).tolist()
        columns["null_unique_detectors"] += null.tolist()
    return pa.table(columns)


def _rotations(layers: list[LayerFindings], level: float) -> pa.Table:
    """Unique detectors of each layer's units as each rotation mixes them."""
    found = [
        {
            "layer_index": each.layer.index,
            "rotation": rotation,
            "alpha": alpha,
            "unique_detectors": turned.unique_detectors(level),
            "detectors": int(turned.detectors(level).sum()),
        }
        for each in layers
        for rotation, alpha, turned in each.rotated
    ]
    schema = pa.schema(
        [
            ("layer_index", pa.int64()),
            ("rotation", pa.int64()),
            ("alpha", pa.float64()),
            ("unique_detectors", pa.int64()),
            ("detectors", pa.int64()),
        ]
    )
    return pa.Table.from_pylist(found, schema)


def _concepts(labels: Labels, coverage: Coverage) -> pa.Table:
    """A row a concept: how many pixels show it, of how many that could."""
    return pa.table(
        {
            "concept": list(labels.names),
            "category": [labels.categories[number] for number in labels.category_of],
            "pixels": coverage.truth,
            "of_pixels": coverage.pixels[labels.category_of],
        }
    )


def _names(concepts: NDArray[np.int64], labels: Labels) -> pa.Array:
    names = [labels.names[number] if number != NONE else None for number in concepts]
    return pa.array(names, pa.string())


def _at(values: NDArray[Any], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    found = values[np.arange(len(values)), columns]
    return np.where(columns == NONE, 0.0, found)
