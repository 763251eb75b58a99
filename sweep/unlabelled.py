"""Accuracy predicted from unlabelled images: a sweep's networks, or one that is given.

What is fitted comes from sealed rows. A network that is given is measured on the sweep's
images by the sweep's settings, since an ID depends on both, and no label is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from sweep.config import AnalysesConfig, TrainingConfig
from sweep.errors import UserError
from sweep.given import GivenNetwork, measure_given, model_of, parsed_value, without_labels
from sweep.measuring import make_analyses
from sweep.nearest import nearest
from sweep.paths import Storage
from sweep.prediction import (
    Comparison,
    NewNetwork,
    compare,
    predict_new,
)
from sweep.predictors import Feature, Networks, PredictorSet
from sweep.progress import Progress
from sweep.regression import FAMILY, SEED, family_of
from sweep.results import SweepResults, load_results, trial_parameters, trials_table
from sweep.scalars import SUMMARIES, scalar_name, scalars

RESPONSE = "test_accuracy"
PROFILE = ("last_hidden", "peak", "peak_depth")  # of the main quantity, unless named
DEFAULT_GROUP = "family"
# What else one might predict from; a sweep that doesn't measure one goes without.
BASELINES = (
    PredictorSet("training accuracy", (Feature("train_accuracy", "logit"),), needs_labels=True),
    PredictorSet("parameter count", (Feature("num_parameters", "log"),)),
    PredictorSet("PC-ID", (Feature("pc_id_last_hidden", "log"),)),
)


@dataclass(frozen=True)
class SweepPrediction:
    """How well a sweep's networks are predicted across families, and one that was given.

    accuracy: of the given one where it is a trial of the sweep; nothing was fitted on it.
    images: those that profiles are measured on, in words.
    """

    sweep: str
    comparison: Comparison
    network: NewNetwork | None
    accuracy: float | None
    images: str

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def predict_sweep(
    storage: Storage,
    name: str,
    progress: Progress,
    *,
    given: GivenNetwork | None = None,
    where: Sequence[str] = (),
    features: Sequence[str] | None = None,
    group_by: str | None = None,
) -> SweepPrediction:
    """Fit on the sweep's trained networks, compare with baselines, predict the given one.

    where: such as "training.label_noise=0": only networks of which that holds. features:
        scalars that need no label; None takes last hidden, peak and depth of the peak of
        the first quantity measured per layer, fixed before any result was seen.
    group_by: the key whose values are held out one by one; None takes the family, which
        for a library's networks is what their names begin with (resnet18, resnet50).

    Raises UserError, in one line, for what can't be fitted, named, or measured.
    """
    results = load_results(storage, name)
    config = results.work.config
    if config.analyses.accuracy_images == 0:
        raise UserError(
            f"sweep {name!r} measures no accuracy (analyses.accuracy_images is 0), so there is "
            "nothing to fit on: set it and run `idsweep measure`"
        )
    predictors = _predictors(config.analyses, features)
    table = _networks_table(results, where, group_by)
    half_image = 0.5 / _num_images(results)
    networks = Networks(table, predictors, half_image, group_by or DEFAULT_GROUP)
    planned, done = (
        sum(trial.role == "trained" for trial in trials)
        for trials in (results.trials, [result.trial for result in results.results])
    )
    if done < planned:
        networks.notes.append(f"{planned - done} of {planned} networks are not measured yet")
    comparison = compare(networks, [s for s in BASELINES if s.features != predictors.features])
    network = accuracy = None
    if given is not None:
        network, accuracy = _predict_given(results, networks, given, progress)
    return SweepPrediction(name, comparison, network, accuracy, _images(results))


def label_free_features(analyses: AnalysesConfig) -> dict[str, Feature]:
    """The scalars that measuring without labels gives, by name, with their scale.

    Counts and dimensions enter by their logarithm, depths as they are.
    """
    made = make_analyses(without_labels(analyses))
    counts = [quantity for analysis in made for quantity in analysis.network_quantities]
    layered = [quantity for analysis in made for quantity in analysis.layer_quantities]
    names = {name: Feature(name, "log") for name in counts}
    for quantity in layered:
        for summary in SUMMARIES:
            name = scalar_name(quantity, summary)
            names[name] = Feature(name, "log" if summary in ("last_hidden", "peak") else "linear")
    return names


def _predict_given(
    results: SweepResults, networks: Networks, given: GivenNetwork, progress: Progress
) -> tuple[NewNetwork, float | None]:
    """The given network predicted, and its accuracy where it is a trial of the sweep."""
    model, sealed = model_of(given)
    own = next((r for r in results.results if r.trial.key == sealed.get("trial")), None)
    weights = {"weights"}
    if own is not None and (
        model.model_dump(exclude=weights) != own.trial.config.model.model_dump(exclude=weights)
    ):
        own = None  # its weights in another network, or on images of another size
    if own is not None:  # no seed of it must be among those that it is predicted from
        networks = networks.without_configuration(_configuration(trial_parameters(own.trial)))
    training = results.work.config.training.model_dump()
    training |= sealed.get("config", {}).get("training", {}) | {"epochs": 0}
    trial, values = measure_given(results, model, TrainingConfig(**training), progress)
    found = predict_new(networks, (own.trial if own else trial).name, values)
    if own is None:
        return found, None
    is_last = sealed.get("epoch") == own.trial.epoch
    if own.trial.role == "untrained" or not is_last:
        warning = "its training is not done, and that of all that was fitted is"
        found = replace(found, warnings=(*found.warnings, warning))
    accuracy = scalars(own.rows).get(RESPONSE)
    return found, accuracy.value if accuracy and is_last else None


def _predictors(analyses: AnalysesConfig, names: Sequence[str] | None) -> PredictorSet:
    """The features that are given, or the profile of the first quantity of layers."""
    known = label_free_features(analyses)
    if names is None:
        made = [a for a in make_analyses(without_labels(analyses)) if not a.controls]
        first = next((name for analysis in made for name in analysis.layer_quantities), None)
        if first is None:
            raise UserError(
                "this sweep measures no layer: add analyses.intrinsic and run `idsweep measure`, "
                f"or name features with --feature; there are: {', '.join(known)}"
            )
        profile = [scalar_name(first, summary) for summary in PROFILE]
        return PredictorSet(f"{first} profile", tuple(known[name] for name in profile))
    for name in names:
        if name not in known:
            raise UserError(
                f"--feature: this sweep measures no {name!r} without labels; "
                + nearest(name, known)
            )
    return PredictorSet("as given", tuple(known[name] for name in dict.fromkeys(names)))


def _networks_table(
    results: SweepResults, where: Sequence[str], group_by: str | None
) -> pd.DataFrame:
    """The trained networks that are asked for, with accuracy, family and configuration."""
    trained = [result for result in results.results if result.trial.role == "trained"]
    if not trained:
        raise UserError(
            f"sweep {results.work.config.name!r} has no trained trial yet: run it first"
        )
    table = trials_table(trained)
    parameters = {result.trial.key: trial_parameters(result.trial) for result in trained}
    keys = list(next(iter(parameters.values())))
    for condition in where:
        key, equals, text = condition.partition("=")
        if not equals:
            raise UserError(f"--where {condition}: must be KEY=VALUE")
        _check_key("--where", key, keys)
        wanted = parsed_value(f"--where {condition}", text)
        holds = [parameters[trial][key] == wanted for trial in table["trial"]]
        if not any(holds):
            seen = sorted({str(values[key]) for values in parameters.values()})
            raise UserError(
                f"--where {condition}: no network is left; {key} is {', '.join(seen[:12])}"
            )
        table = table[holds]
    if group_by is not None:
        _check_key("--group-by", group_by, keys)
    chosen = [parameters[trial] for trial in table["trial"]]
    return table.assign(
        accuracy=table[RESPONSE] if RESPONSE in table else float("nan"),
        family=[
            family_of(str(values[FAMILY])) if group_by is None else str(values[group_by])
            for values in chosen
        ],
        configuration=[_configuration(values) for values in chosen],
    )


def _configuration(parameters: Mapping[str, Any]) -> str:
    """All that is set of a trial but its seed, as text."""
    return json.dumps({k: value for k, value in parameters.items() if k != SEED}, default=str)


def _check_key(option: str, key: str, keys: Sequence[str]) -> None:
    if key not in keys:
        raise UserError(f"{option}: no setting {key!r}; {nearest(key, keys)}")


def _num_images(results: SweepResults) -> int:
    """How many images the accuracy is counted on."""
    counts = [
        row.num_samples
        for result in results.results
        for row in result.rows
        if row.quantity == RESPONSE and row.num_samples
    ]
    return max(counts, default=1)


def _images(results: SweepResults) -> str:
    """The images that profiles are measured on, and whether choosing them took labels."""
    measure, data = results.work.config.measure, results.work.data
    count = min(measure.num_samples, data.counts[measure.split])
    chosen = "chosen by label" if measure.choose == "balanced" else measure.choose
    return f"{count} images of {data.name} ({measure.split}, {chosen})"
