"""What units detect, across the networks of a sweep: a line a network, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweep.measurement import Measurement
from sweep.measuring.dissection import DissectionAnalysis
from sweep.report.over_seeds import variants_of
from sweep.report.relations import relations_of
from sweep.results import SweepResults, TrialResult

UNIQUE = "dissection/unique_detectors"
COUNTS = ("dissection_peak/unique_detectors", "dissection_peak/unique_by_category")
SUMMED = (
    "test_accuracy",
    "dissection/last_map_unique",
    "dissection/last_map_excess",
    "dissection/last_map_rotation_loss",
    "dissection/concept_rise",
)
MOST_LINES = 300


@dataclass(frozen=True)
class Line:
    """One network, at the layer with most unique detectors, input and output left out.

    counts: of that layer, by quantity, and the interval of those that have one.
    """

    name: str
    key: str
    accuracy: float | None
    layer: str
    counts: dict[str, float]
    low: dict[str, float | None]
    high: dict[str, float | None]


def dissection_context(results: SweepResults) -> dict[str, Any]:
    """What the section of the report shows; nothing for a sweep that dissects nothing."""
    lines = [line for each in results.results if (line := _line(each)) is not None]
    if not lines:
        return {"dissected": [], "relations": [], "dissected_left": 0, "dissected_variants": []}
    return {
        "dissected_variants": variants_of(results, SUMMED),
        "dissected": lines[:MOST_LINES],
        "dissected_left": max(0, len(lines) - MOST_LINES),
        "relations": relations_of(results, COUNTS, DissectionAnalysis.name),
    }


def _line(result: TrialResult) -> Line | None:
    layers: dict[int, dict[str, Measurement]] = {}
    for row in result.rows:
        if row.analysis == DissectionAnalysis.name and row.layer_index is not None:
            layers.setdefault(row.layer_index, {})[row.quantity] = row
    if not layers:
        return None
    inner = [r for r in layers.values() if 0 < (r[UNIQUE].relative_depth or 0) < 1]
    most = max(inner or layers.values(), key=lambda rows: rows[UNIQUE].value)
    short = {name.removeprefix("dissection/"): row for name, row in most.items()}
    accuracy = [row.value for row in result.rows if row.quantity == "test_accuracy"]
    return Line(
        result.trial.name,
        result.trial.key,
        accuracy[0] if accuracy else None,
        most[UNIQUE].layer,
        {name: row.value for name, row in short.items()},
        {name: row.low for name, row in short.items()},
        {name: row.high for name, row in short.items()},
    )
