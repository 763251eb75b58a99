"""The networks that a side of a comparison names, read from what is sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sweep.comparison.conditions import HISTORY, check_keys, holds, is_setting
from sweep.comparison.naming import Condition, Named
from sweep.comparison.networks import Network, at_epoch
from sweep.comparison.sources import Source, choose_trials, open_source
from sweep.errors import UserError
from sweep.nearest import nearest
from sweep.paths import open_storage
from sweep.results import TrialResult, rows_digest
from sweep.space import Trial


@dataclass(frozen=True)
class Group:
    """The networks of one side. label: its short name, apart from those of the others.

    missing: how many that it names are not measured, at this epoch.
    """

    named: Named
    label: str
    networks: tuple[Network, ...]
    missing: int = 0

    @property
    def size(self) -> str:
        """In words."""
        return f"{len(self.networks)} network{'' if len(self.networks) == 1 else 's'}"


def read_groups(
    sides: Sequence[Named], storage: str | Path, where: Sequence[Condition] = ()
) -> list[Group]:
    """The networks of each side, trained ones unless told otherwise; each file is read once.

    where: what must hold on every side. Raises UserError, in one line, for a side that names
    nothing, for one without networks, and for two that are the same.
    """
    sources: dict[tuple[Path, str], Source] = {}
    wanted: dict[tuple[Path, str], dict[str, Trial]] = {}
    asked: list[tuple[tuple[Path, str], Named, list[Trial]]] = []
    for side in sides:
        opened = open_storage(side.storage or storage, create=False)
        place = opened.folder, side.sweep
        if place not in sources:
            sources[place] = open_source(opened, side.sweep)
        source = sources[place]
        conditions = (*side.conditions, *where)
        check_keys(side.text, conditions)
        trials = choose_trials(side, conditions, source)
        wanted.setdefault(place, {}).update({trial.key: trial for trial in trials})
        asked.append((place, side, trials))
    read = {place: _load(sources[place], keys) for place, keys in wanted.items()}
    groups = []
    for (place, side, trials), label in zip(asked, label_sides(sides), strict=True):
        measured = _measured(side, trials, read[place])
        networks = _holding(side, (*side.conditions, *where), measured)
        groups.append(Group(side, label, networks, len(trials) - len(measured)))
    groups = _known_by_name(groups)
    for number, group in enumerate(groups):
        for other in groups[:number]:
            if _identities(group) == _identities(other) and _rows(group) == _rows(other):
                raise UserError(
                    f"{other.named.text} and {group.named.text} name the same "
                    f"{group.size}: there is nothing to compare"
                )
    return groups


def _known_by_name(groups: Sequence[Group]) -> list[Group]:
    """Networks that were named by a key or a folder get the names by which they are known."""
    labels = [
        group.networks[0].name
        if len(group.networks) == 1 and str(group.named.what) in group.networks[0].trial.key
        else group.label
        for group in groups
    ]
    if len(set(labels)) < len(labels):
        labels = [
            f"{group.named.sweep}/{label}" if label != group.label else label
            for group, label in zip(groups, labels, strict=True)
        ]
    if len(set(labels)) < len(labels):
        return list(groups)
    return [replace(group, label=label) for group, label in zip(groups, labels, strict=True)]


def label_sides(sides: Sequence[Named]) -> list[str]:
    """Short names that differ; what all sides share is left out."""
    common = set(sides[0].conditions).intersection(*(side.conditions for side in sides))
    shorter = [
        Named(
            side.text, side.sweep, side.storage, side.what, side.epoch,
            tuple(one for one in side.conditions if one not in common),
        )
        for side in sides
    ]  # fmt: skip
    short = [side.short for side in shorter]
    if all(short) and len({side.sweep for side in sides}) == 1 and len(set(short)) == len(short):
        return short
    long = [f"{side.sweep}/{side.short}" if side.short else side.sweep for side in shorter]
    return long if len(set(long)) == len(long) else [side.text for side in sides]


def overlap(first: Group, second: Group) -> int:
    """How many networks stand on both sides."""
    return len(_identities(first) & _identities(second))


def _check_number(side: Named, condition: Condition, networks: Sequence[Network]) -> None:
    """Raise UserError for a key that is neither a setting nor a number of any network."""
    known = sorted({name for network in networks for name in network.scalars})
    if condition.key not in known and not condition.key.startswith(HISTORY):
        raise UserError(
            f"{side.text}: {condition.key!r} is neither a setting nor a measured number; "
            + nearest(condition.key, known)
        )


def _load(source: Source, keys: Collection[str]) -> dict[str, TrialResult]:
    """Those of the trials that are measured, by their keys."""
    return {result.trial.key: result for result in source.load(lambda trial: trial.key in keys)}


def _identities(group: Group) -> set[tuple[str, float]]:
    return {network.identity for network in group.networks}


def _rows(group: Group) -> set[str]:
    """What was measured: the same networks may have been measured on other images."""
    return {rows_digest(network.rows) for network in group.networks}


def _measured(
    side: Named, trials: Sequence[Trial], results: Mapping[str, TrialResult]
) -> list[Network]:
    """Of the trials those that are measured, at the epoch asked for, in the plan's order."""
    measured = [results[trial.key] for trial in trials if trial.key in results]
    if not measured:
        raise UserError(
            f"{side.text}: none of its {len(trials)} networks is trained and measured yet: "
            "run the sweep"
        )
    found = [at_epoch(result, side.epoch) for result in measured]
    networks = [network for network in found if network is not None]
    if not networks:
        epochs = sorted({e for r in measured for e in (*r.earlier, r.trial.epoch)})
        raise UserError(
            f"{side.text}: nothing is measured after epoch {side.epoch:g}; there is: "
            + ", ".join(f"{epoch:g}" for epoch in epochs)
            + " (measure.epochs adds others)"
        )
    return networks


def _holding(
    side: Named, conditions: Sequence[Condition], networks: Sequence[Network]
) -> tuple[Network, ...]:
    """Those of which the conditions on what came out hold."""
    numbers = [one for one in conditions if not is_setting(one.key)]
    chosen = tuple(n for n in networks if all(holds(one, n.trial, n) for one in numbers))
    if not chosen:
        for one in numbers:
            _check_number(side, one, networks)
        said = " and ".join(one.text for one in numbers)
        raise UserError(f"{side.text}: of {len(networks)} networks none has {said}")
    return chosen
