"""Results in a few lines: one per family and variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sweep.mean import MIN_UNITS, mean_interval
from sweep.measuring import is_control
from sweep.regression import headline as headline
from sweep.regression import interval_text as interval_text
from sweep.regression import read_correlation as read_correlation
from sweep.results import TrialResult
from sweep.scalars import Scalar, scalar_name, scalars
from sweep.space import Trial

TRUE_LABELS = "true labels"
UNTRAINED = "untrained"


@dataclass(frozen=True)
class GroupSummary:
    """Means over the trials of one family and variant.

    last_hidden: mean over configurations, seeds averaged, with its 95% t-interval from MIN_UNITS
        of them on (seeds count where there is one configuration); one trial keeps its own.
    """

    family: str
    variant: str
    num_trials: int
    accuracy: float
    accuracy_range: tuple[float, float]
    last_hidden: Scalar
    peak: float
    peak_depth: float


def stopped_in_words(results: Sequence[TrialResult]) -> str:
    """How many of the trained trials were stopped early, by whom and when; "": none was."""
    trained = [result.trial for result in results if result.trial.role == "trained"]
    stopped = [trial for trial in trained if trial.stopped]
    if not stopped:
        return ""
    counts = sorted(Counter(trial.stopped for trial in stopped).items())
    least, most = (pick(trial.epoch for trial in stopped) for pick in (min, max))
    when = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    by = ", ".join(f"{count} by {name}" for name, count in counts)
    return f"stopped early: {len(stopped)} of {len(trained)} trials ({by}), after {when} epochs"


def exploits_in_words(result: TrialResult) -> str:
    """Whose weights a member of a population took over, and with which settings it went on."""
    told = []
    for exploit in result.exploits:
        values = ", ".join(f"{name} {value:.3g}" for name, value in exploit["values"].items())
        told.append(f"after epoch {exploit['epoch']} from {exploit['from_name']}: {values}")
    return "; ".join(told) or "nothing"


def populations_in_words(results: Sequence[TrialResult]) -> str:
    """How many members of populations took over weights; "": there are no populations."""
    members = [result for result in results if result.trial.population]
    if not members:
        return ""
    number = len({result.trial.population for result in members})
    took = sum(bool(result.exploits) for result in members)
    return (
        f"pbt: {len(members)} members of {number} {'population' if number == 1 else 'populations'},"
        f" {took} took over weights of others, {sum(len(r.exploits) for r in members)} times in all"
    )


def main_quantity(results: Sequence[TrialResult]) -> str | None:
    """The first quantity that is measured per layer, if one can with an interval; no control."""
    rows = [row for r in results for row in r.rows if row.layer_index is not None]
    measured = [
        row for row in rows if row.quantity != "last_hidden" and not is_control(row.analysis)
    ]
    bounded = [row for row in measured if row.low is not None]
    return next((row.quantity for row in bounded or measured), None)


def variant(trial: Trial) -> str:
    """How a trial's network was made, in words."""
    training = trial.config.training
    words = [UNTRAINED] if trial.role == "untrained" else []
    if training.label_noise:
        words.append(f"label noise {training.label_noise:g}")
    if training.luminance_gradient:
        words.append(f"gradient {training.luminance_gradient:g}")
    return ", ".join(words) or TRUE_LABELS


def shown_variants(results: Sequence[TrialResult]) -> list[str]:
    """What a comparison puts side by side.

    True labels, the largest label noise, the largest luminance gradient, untrained.
    """
    there = {variant(result.trial) for result in results}
    trained = [r.trial.config.training for r in results if r.trial.role == "trained"]
    noise = max((training.label_noise for training in trained), default=0)
    gradient = max((training.luminance_gradient for training in trained), default=0)
    shown = [TRUE_LABELS, f"label noise {noise:g}", f"gradient {gradient:g}", UNTRAINED]
    return [name for name in shown if name in there]


def summarize_families(results: Sequence[TrialResult]) -> list[GroupSummary]:
    """One line per family and shown variant."""
    quantity = main_quantity(results)
    if quantity is None:
        return []
    lines = []
    for family in sorted({result.trial.config.model.name for result in results}):
        for name in shown_variants(results):
            members = [
                result
                for result in results
                if result.trial.config.model.name == family and variant(result.trial) == name
            ]
            line = _summarize(family, name, quantity, members)
            if line is not None:
                lines.append(line)
    return lines


def _summarize(
    family: str, name: str, quantity: str, members: Sequence[TrialResult]
) -> GroupSummary | None:
    numbers = [scalars(result.rows) for result in members]
    hidden = scalar_name(quantity, "last_hidden")
    of_configuration: dict[str, list[Scalar]] = {}
    for result, found in zip(members, numbers, strict=True):
        if hidden in found:
            of_configuration.setdefault(result.trial.configuration, []).append(found[hidden])
    peak, depth = (
        [found[key] for found in numbers if key in found]
        for key in (scalar_name(quantity, s) for s in ("peak", "peak_depth"))
    )
    accuracy = [found["test_accuracy"].value for found in numbers if "test_accuracy" in found]
    if not of_configuration or not accuracy:
        return None
    return GroupSummary(
        family=family,
        variant=name,
        num_trials=len(members),
        accuracy=fmean(accuracy),
        accuracy_range=(min(accuracy), max(accuracy)),
        last_hidden=_mean_interval(list(of_configuration.values())),
        peak=fmean(scalar.value for scalar in peak),
        peak_depth=fmean(scalar.value for scalar in depth),
    )


def _mean_interval(configurations: Sequence[Sequence[Scalar]]) -> Scalar:
    if len(configurations) == 1:
        configurations = [[one] for one in configurations[0]]
    if len(configurations) == 1:
        return configurations[0][0]
    units = [fmean(scalar.value for scalar in own) for own in configurations]
    return Scalar(*mean_interval(units)) if len(units) >= MIN_UNITS else Scalar(fmean(units))
