"""The data of a sweep's page: one JSON object, and parts that the page reads when it needs them.

Four significant digits, arrays by trial, each text once: 2,000 networks of 20 layers fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import t as student

from sweep.mean import MIN_UNITS
from sweep.regression import FAMILY, SEED, Regression, family_of
from sweep.report.payload_layers import Layers, Quantity, collect_layers, epoch_profiles
from sweep.report.payload_trials import scalar_columns, trial_columns
from sweep.report.significant import script_json
from sweep.results import SweepResults, TrialResult
from sweep.scalars import SUMMARIES, scalar_name
from sweep.space import varied_keys

# plotly takes 4.8 million bytes of the 15 that a page may have.
MAX_PART_BYTES = 9_000_000
RESPONSE = "test_accuracy"
BY_EPOCH = ("test_error", "test_accuracy")
# Linear dimensions that are drawn beside the main quantity, where measured.
LINEAR = ("pc_id", "participation_ratio")
# In variants, so no filters of their own.
IN_VARIANTS = ("training.label_noise", "training.luminance_gradient")
MAX_FREEDOM = 60  # beyond, Student's t is told by a formula


@dataclass(frozen=True)
class Payload:
    """What a page embeds.

    data: read at once. parts: texts of JSON by name, such as "profile:id/twonn" or
    "scalar:test_accuracy". left_out: quantities that the page has no room for.
    """

    data: dict[str, Any]
    parts: dict[str, str]
    left_out: list[str]


def sweep_payload(
    results: SweepResults,
    regression: Regression | None,
    main: str | None,
    max_bytes: int = MAX_PART_BYTES,
) -> Payload:
    """All that the page draws and lists. main: its quantity; max_bytes: of the parts together."""
    members = results.results
    layers = collect_layers(members)
    parts, left_out = fit_parts(layers, scalar_columns(members), main, max_bytes)
    if main is not None:
        epochs = epoch_profiles(members, main, BY_EPOCH)
        if epochs is not None:
            parts["epochs"] = script_json(epochs)
    scalars = [name.partition(":")[2] for name in parts if name.startswith("scalar:")]
    varied = varied_keys(results.trials)
    names = {result.trial.config.model.name for result in members}
    named_by_family = len({family_of(name) for name in names}) == len(names)
    axes = [key for key in varied if key != FAMILY or not named_by_family]
    data = {
        "sweep": results.work.config.name,
        "trials": trial_columns(members),
        "layer_sets": layers.sets,
        "layer_set": layers.of_trial,
        "quantities": [
            _describe(one) for one in _in_order(layers, main) if f"profile:{one.name}" in parts
        ],
        "main": main,
        "scalars": scalars,
        "network_scalars": _network_scalars(members),
        "summary_scalars": [scalar_name(main, one) for one in SUMMARIES] if main else [],
        "axes": axes,
        "varied": varied,
        "filters": [key for key in axes if key not in IN_VARIANTS],
        "seed": SEED,
        "predictor": _predictor(main, regression, scalars),
        "response": regression.response if regression else RESPONSE,
        "linear": [name for name in LINEAR if name in layers.quantities],
        "fewest": MIN_UNITS,
        "student": [round(float(student.ppf(0.975, n)), 4) for n in range(1, MAX_FREEDOM + 1)],
    }
    return Payload(data, parts, left_out)


def fit_parts(
    layers: Layers, scalars: dict[str, Any], main: str | None, max_bytes: int
) -> tuple[dict[str, str], list[str]]:
    """Scalars and profiles as texts, the most looked at first, as many as there is room for.

    Numbers of whole networks and the main quantity are always kept.
    """
    parts: dict[str, str] = {}
    left_out: list[str] = []
    room = max_bytes
    of_layers = {
        scalar_name(name, summary): name for name in layers.quantities for summary in SUMMARIES
    }
    own: dict[str, list[str]] = {}
    for name in scalars:
        own.setdefault(of_layers.get(name, ""), []).append(name)
    groups: list[tuple[str, Quantity | None]] = [("", None)]
    groups += [(one.name, one) for one in _in_order(layers, main)]
    for name, quantity in groups:
        texts = {f"scalar:{one}": script_json(scalars[one]) for one in own.get(name, [])}
        if quantity is not None:
            texts[f"profile:{name}"] = script_json(quantity.to_json())
        size = sum(map(len, texts.values()))
        if size > room and name not in ("", main):
            left_out.append(name)
            continue
        room -= size
        parts |= texts
    return parts, left_out


def _in_order(layers: Layers, main: str | None) -> list[Quantity]:
    """What is looked at most comes first; single classes come last."""
    return sorted(
        layers.quantities.values(),
        key=lambda one: (
            one.name != main,
            "@" in one.name and not one.name.endswith("@classes"),
            one.is_control,
            "@" in one.name,
        ),
    )


def _describe(quantity: Quantity) -> dict[str, Any]:
    return {
        "name": quantity.name,
        "analysis": quantity.analysis,
        "control": quantity.is_control,
        "rank": quantity.rank,
    }


def _network_scalars(results: Sequence[TrialResult]) -> list[str]:
    """Numbers that are measured of whole networks, in the order of their rows."""
    return list(
        dict.fromkeys(
            row.quantity for result in results for row in result.rows if row.layer_index is None
        )
    )


def _predictor(
    main: str | None, regression: Regression | None, scalars: Sequence[str]
) -> str | None:
    """The regression's first, else the main quantity's last hidden layer, else any."""
    named = [row.predictor for row in regression.correlations] if regression else []
    named += [scalar_name(main, "last_hidden")] if main else []
    return next((name for name in [*named, *scalars] if name in scalars), None)
