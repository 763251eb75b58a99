"""A sweep's numbers beside published ones: the same network, variant and layer.

Numbers of different networks, N or data are told with what differs, never as a deviation:
the paper's own Figures 3 and 4 give one layer of VGG-16 as 21.1 and as 15.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sweep.measurement import Measurement, last_hidden
from sweep.published.tables import (
    ANY_NETWORK,
    LAST_HIDDEN,
    PublishedTable,
    PublishedValue,
    read_published,
)
from sweep.results import SweepResults, TrialResult
from sweep.scalars import scalars
from sweep.space import Trial
from sweep.summary import main_quantity

# Published depths have three decimals.
SAME_DEPTH = 0.001


@dataclass(frozen=True)
class Pair:
    """A published number and ours.

    model: as the sweep names it. layer, relative_depth: ours. value: mean over num_trials
    networks of the same model and variant, such as seeds. low, high: of the one network;
    None for several. response: ours, as a mean too; None where the table has none.
    """

    published: PublishedValue
    model: str
    layer: str
    relative_depth: float
    value: float
    low: float | None
    high: float | None
    num_trials: int
    response: float | None

    @property
    def difference(self) -> float:
        """Ours less the published one."""
        return self.value - self.published.value


@dataclass(frozen=True)
class Comparison:
    """What of a sweep stands beside a published table.

    quantity: ours. images: that enter each of our estimates, as text. pairs: in the table's
    order. differing: what is known to differ, as
    (what, published, here). missing: networks or variants of the table that the sweep lacks.
    """

    table: PublishedTable
    quantity: str
    images: tuple[str, ...]
    pairs: tuple[Pair, ...]
    differing: tuple[tuple[str, str, str], ...]
    missing: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether estimator, number of images, data and networks agree as far as is known."""
        return not self.differing

    @property
    def groups(self) -> dict[tuple[str, str], list[Pair]]:
        """Pairs by our model and variant: one profile each, or one point."""
        found: dict[tuple[str, str], list[Pair]] = {}
        for pair in self.pairs:
            found.setdefault((pair.model, pair.published.variant), []).append(pair)
        return found


def compare_published(results: SweepResults) -> Comparison | None:
    """The comparison that the sweep file asks for (`published`); None if it asks for none."""
    name = results.work.config.published
    if name is None:
        return None
    table = read_published(name)
    quantity = _quantity(table, results.results)
    pairs: list[Pair] = []
    used: list[TrialResult] = []
    rows: list[Measurement] = []
    missing: dict[str, None] = {}
    for value in table.values:
        matches = _matching(value, results.results)
        if not matches:
            missing.setdefault(_told(value))
        for model in dict.fromkeys(result.trial.config.model.name for result in matches):
            members = [r for r in matches if r.trial.config.model.name == model]
            found = [row for row in (_row(value, r, quantity) for r in members) if row is not None]
            if found:
                pairs.append(_pair(value, model, found, members, table.response))
                rows += found
                used += members
    differing = _differing(table, quantity, rows, used, results)
    images = tuple(dict.fromkeys(str(row.num_samples) for row in rows))
    return Comparison(table, quantity, images, tuple(pairs), tuple(differing), tuple(missing))


def variant_key(trial: Trial) -> str:
    """How a network was trained, in the words of published tables.

    original: true labels. shuffled: random labels. gradient: a luminance gradient. Else the
    empty string, which no table has; untrained for a network at initialization.
    """
    training = trial.config.training
    if trial.role == "untrained":
        return "untrained"
    if training.luminance_gradient:
        return "" if training.label_noise else "gradient"
    if training.label_noise:
        return "shuffled" if training.label_noise == 1 else ""
    return "original"


def network_key(model: str) -> str:
    """What a model is called apart from the library that has it.

    >>> network_key("torchvision/vgg16"), network_key("timm/resnet18.tv_in1k")
    ('vgg16', 'resnet18')
    """
    return model.rpartition("/")[2].partition(".")[0]


def _told(value: PublishedValue) -> str:
    return value.variant if value.network == ANY_NETWORK else value.network


def _matching(value: PublishedValue, results: Sequence[TrialResult]) -> list[TrialResult]:
    return [
        result
        for result in results
        if value.network in (ANY_NETWORK, network_key(result.trial.config.model.name))
        and variant_key(result.trial) == value.variant
    ]


def _quantity(table: PublishedTable, results: Sequence[TrialResult]) -> str:
    """Ours that is nearest to the published one, of those that are measured."""
    measured = {row.quantity for result in results for row in result.rows}
    head, at, probe = table.quantity.partition("@")
    estimator = head.partition("/")[2]
    nearest = [table.quantity, f"id/{estimator}{at}{probe}", head, f"id/{estimator}"]
    main = main_quantity(results) or "id/twonn"
    return next((name for name in nearest if name in measured), main)


def _row(value: PublishedValue, result: TrialResult, quantity: str) -> Measurement | None:
    """Our number of the published layer: by its name, else the last one at its depth."""
    rows = [
        row
        for row in result.rows
        if row.quantity == quantity and row.layer_index is not None and math.isfinite(row.value)
    ]
    if value.layer == LAST_HIDDEN:
        hidden = set(last_hidden(result.rows).values())
        return next((row for row in rows if row.layer_index in hidden), None)
    named = [row for row in rows if row.layer.rpartition(".")[2] == value.layer]
    depth = value.relative_depth
    near = [
        row
        for row in rows
        if depth is not None and abs((row.relative_depth or 0.0) - depth) <= SAME_DEPTH
    ]
    return next(reversed(named or near), None)


def _pair(
    value: PublishedValue,
    model: str,
    rows: Sequence[Measurement],
    members: Sequence[TrialResult],
    response: str | None,
) -> Pair:
    answers = [
        found[response].value
        for found in (scalars(result.rows) for result in members if response is not None)
        if response in found
    ]
    alone = rows[0] if len(rows) == 1 else None
    return Pair(
        published=value,
        model=model,
        layer=rows[0].layer,
        relative_depth=rows[0].relative_depth or 0.0,
        value=fmean(row.value for row in rows),
        low=alone.low if alone else None,
        high=alone.high if alone else None,
        num_trials=len(rows),
        response=fmean(answers) if answers else None,
    )


def _differing(
    table: PublishedTable,
    quantity: str,
    rows: Sequence[Measurement],
    used: Sequence[TrialResult],
    results: SweepResults,
) -> list[tuple[str, str, str]]:
    """What is known to differ, as (what, published, here)."""
    data, config, said = results.work.data, results.work.config, table.conventions
    here: dict[str, list[str]] = {
        "quantity": [quantity],
        "images of each estimate": [str(row.num_samples) for row in rows],
        "data": [data.name],
        "classes": [str(data.num_classes)],
        "split": [config.measure.split],
    }
    published = {
        "quantity": table.quantity,
        "images of each estimate": str(table.points),
        "data": said["data"],
        "classes": said["classes"],
        "split": said["split"],
    }
    if "weights" in said:
        published["weights"] = said["weights"]
        here["weights"] = [str(r.trial.config.model.weights or "none") for r in used]
    if "model" in said:
        published["network"] = f"{said['model']}: {said['network']}"
        here["network"] = [
            published["network"] if name == said["model"] else name
            for name in (result.trial.config.model.name for result in used)
        ]
    differing = [
        (what, published[what], ", ".join(dict.fromkeys(values)))
        for what, values in here.items()
        if any(value != published[what] for value in values)
    ]
    for variant, epochs in table.epochs.items():
        trained = {r.trial.config.training.epochs for r in used if variant_key(r.trial) == variant}
        if trained - {epochs}:
            told = ", ".join(map(str, sorted(trained)))
            differing.append((f"epochs ({variant})", str(epochs), told))
    return differing
