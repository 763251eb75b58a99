"""What units detect, across the networks of a sweep: a line a network, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sweep.gathering import read_sweep
from sweep.measurement import Measurement
from sweep.measuring.dissection import DissectionAnalysis
from sweep.regression import regress
from sweep.regression.scopes import ALL
from sweep.results import SweepResults, TrialResult
from sweep.summary import main_quantity

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


@dataclass(frozen=True)
class Variant:
    """All seeds of one configuration after as many epochs, at the last layer that has maps.

    values: by quantity its mean over the seeds, its least and its largest.
    """

    name: str
    epoch: float
    num_networks: int
    values: dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Relation:
    """How a count goes with a number of the network, over all trained ones."""

    response: str
    predictor: str
    method: str
    value: float
    low: float
    high: float
    p_value: float
    num_trials: int
    num_configurations: int


def dissection_context(results: SweepResults) -> dict[str, Any]:
    """What the section of the report shows; nothing for a sweep that dissects nothing."""
    lines = [line for each in results.results if (line := _line(each)) is not None]
    if not lines:
        return {"dissected": [], "relations": [], "dissected_left": 0, "dissected_variants": []}
    return {
        "dissected_variants": _variants(results),
        "dissected": lines[:MOST_LINES],
        "dissected_left": max(0, len(lines) - MOST_LINES),
        "relations": _relations(results),
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


def _variants(results: SweepResults) -> list[Variant]:
    """In the order of the sweep, each after as many epochs as it was measured at."""
    groups: dict[tuple[str, float], list[dict[str, float]]] = {}
    for each in results.results:
        name = each.trial.name.removesuffix(f"-s{each.trial.config.training.seed}")
        for epoch, rows in (*each.earlier.items(), (each.trial.epoch, each.rows)):
            values = {row.quantity: row.value for row in rows if row.quantity in SUMMED}
            groups.setdefault((name, epoch), []).append(values)
    found = []
    for (name, epoch), seeds in groups.items():
        summed: dict[str, tuple[float, float, float]] = {}
        for quantity in SUMMED:
            known = [one[quantity] for one in seeds if quantity in one]
            if known:
                summed[quantity.rpartition("/")[2]] = fmean(known), min(known), max(known)
        found.append(Variant(name, epoch, len(seeds), summed))
    return found


def _relations(results: SweepResults) -> list[Relation]:
    """Of the counts with accuracy and with the main dimension, whatever of it is measured."""
    trials = read_sweep(results, lambda: results.results, None)
    responses = ["test_accuracy"]
    quantity = main_quantity(results.results)
    if quantity is not None and not quantity.startswith(DissectionAnalysis.name):
        head, _, tail = quantity.partition("/")
        responses += [f"{head}_{summary}/{tail}" for summary in ("last_hidden", "peak")]
    found = []
    for response in (name for name in responses if name in trials.table):
        settings = {"response": response, "predictors": list(COUNTS), "covariates": []}
        config = trials.config.model_copy(update=settings)
        for one in regress(trials.table, trials.axes, config).correlations:
            if one.scope == ALL and one.method != "kendall":
                found.append(
                    Relation(
                        response,
                        one.predictor,
                        one.method,
                        one.value,
                        one.low,
                        one.high,
                        one.p_value,
                        one.num_trials,
                        one.num_configurations,
                    )
                )
    return found
