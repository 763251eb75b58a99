"""The networks that a side of a comparison names, read from what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.comparison.conditions import HISTORY, check_keys, holds, is_setting, setting_of
from sweep.comparison.kept import kept_names, read_kept
from sweep.comparison.naming import Condition, Named
from sweep.comparison.networks import Network, at_epoch
from sweep.errors import UserError
from sweep.models.names import model_label
from sweep.nearest import did_you_mean, nearest
from sweep.paths import Storage, open_storage
from sweep.results import TrialResult, load_plan, load_results, rows_digest
from sweep.space import Trial

MIN_KEY = 4  # characters of a trial's key that may stand for it
SHOWN = 12  # names that an error line lists


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


@dataclass(frozen=True)
class _Source:
    """A sweep in a storage. trials: of its plan, or of all that is kept there."""

    storage: Storage
    name: str
    trials: Sequence[Trial]
    load: Callable[[Callable[[Trial], bool]], Sequence[TrialResult]]


def read_groups(
    sides: Sequence[Named], storage: str | Path, where: Sequence[Condition] = ()
) -> list[Group]:
    """The networks of each side, trained ones unless told otherwise; each file is read once.

    where: what must hold on every side. Raises UserError, in one line, for a side that names
    nothing, for one without networks, and for two that are the same.
    """
    sources: dict[tuple[Path, str], _Source] = {}
    wanted: dict[tuple[Path, str], dict[str, Trial]] = {}
    asked: list[tuple[tuple[Path, str], Named, list[Trial]]] = []
    for side in sides:
        opened = open_storage(side.storage or storage, create=False)
        place = opened.folder, side.sweep
        if place not in sources:
            sources[place] = _open(opened, side.sweep)
        source = sources[place]
        conditions = (*side.conditions, *where)
        check_keys(side.text, conditions)
        trials = _chosen(side, conditions, source)
        wanted.setdefault(place, {}).update({trial.key: trial for trial in trials})
        asked.append((place, side, trials))
    read = {place: _load(sources[place], keys) for place, keys in wanted.items()}
    groups = []
    for (place, side, trials), label in zip(asked, label_sides(sides), strict=True):
        measured = _measured(side, trials, read[place])
        networks = _holding(side, (*side.conditions, *where), measured)
        groups.append(Group(side, label, networks, len(trials) - len(measured)))
    for number, group in enumerate(groups):
        for other in groups[:number]:
            if _identities(group) == _identities(other) and _rows(group) == _rows(other):
                raise UserError(
                    f"{other.named.text} and {group.named.text} name the same "
                    f"{group.size}: there is nothing to compare"
                )
    return groups


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


def _load(source: _Source, keys: Collection[str]) -> dict[str, TrialResult]:
    """Those of the trials that are measured, by their keys."""
    return {result.trial.key: result for result in source.load(lambda trial: trial.key in keys)}


def _identities(group: Group) -> set[tuple[str, float]]:
    return {network.identity for network in group.networks}


def _rows(group: Group) -> set[str]:
    """What was measured: the same networks may have been measured on other images."""
    return {rows_digest(network.rows) for network in group.networks}


def _open(storage: Storage, name: str) -> _Source:
    known = storage.sweep_names()
    kept = kept_names(storage)
    if name in kept:
        results = read_kept(storage, name)
        trials = [result.trial for result in results]
        return _Source(storage, name, trials, lambda want: [r for r in results if want(r.trial)])
    if name not in known and name not in storage.suite_names():
        raise UserError(
            f"no sweep {name!r} in {storage.folder}"
            + (f" (and no folder {name.partition(':')[0]!r})" if ":" in name else "")
            + f"; {did_you_mean(name, [*known, *kept])}"
            f"there is: {', '.join([*known, *kept]) or 'none yet'}"
        )
    plan = load_plan(storage, name)
    return _Source(
        storage, name, plan.trials, lambda want: load_results(storage, name, want).results
    )


def _chosen(side: Named, conditions: Sequence[Condition], source: _Source) -> list[Trial]:
    """The trials that a side names, as far as their settings tell."""
    named = list(source.trials)
    is_one = False
    if side.what is not None:
        named, is_one = _by_name(side, source)
    settings = [one for one in conditions if is_setting(one.key)]
    if not is_one and not any(one.key == "role" for one in settings):
        trained = [trial for trial in named if trial.role == "trained"]
        # What was measured at initialization alone has no trained networks to prefer.
        named = trained or [trial for trial in named if _is_all_untrained(source)]
    chosen = [trial for trial in named if all(holds(one, trial) for one in settings)]
    if not chosen:
        raise UserError(f"{side.text}: {_why_none(named, settings)}")
    return chosen


def _by_name(side: Named, source: _Source) -> tuple[list[Trial], bool]:
    """The trials of a family, an architecture, a name or a key; whether it is one network."""
    what = str(side.what)
    for trials in (
        [trial for trial in source.trials if trial.config.model.name == what],
        [trial for trial in source.trials if model_label(trial.config.model) == what],
    ):
        if trials:
            return trials, False
    for found in (
        [trial for trial in source.trials if trial.name == what],
        [trial for trial in source.trials if len(what) >= MIN_KEY and trial.key.startswith(what)],
    ):
        if len(found) == 1:
            return found, True
        if found:
            names = ", ".join(f"{trial.name} ({trial.key})" for trial in found[:SHOWN])
            raise UserError(f"{side.text} could be each of {names}: name it by its key")
    families = sorted({trial.config.model.name for trial in source.trials})
    labels = {model_label(trial.config.model) for trial in source.trials}
    known = [*families, *labels, *(trial.name for trial in source.trials)]
    raise UserError(
        f"{side.text}: sweep {source.name!r} has no {what!r}; {did_you_mean(what, known)}"
        f"families: {', '.join(families[:SHOWN])}; or name a network, such as "
        f"{source.trials[-1].name}, or the beginning of its key"
    )


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


def _in_order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then the rest."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)


def _is_all_untrained(source: _Source) -> bool:
    return all(trial.role == "untrained" for trial in source.trials)


def _why_none(named: Sequence[Trial], settings: Sequence[Condition]) -> str:
    if not named:
        return "no trained network; ?role=untrained takes the others"
    for one in settings:
        if not any(holds(one, trial) for trial in named):
            seen = {setting_of(one.key, trial) for trial in named}
            shown = [str(value) for value in sorted(seen, key=_in_order)[:SHOWN]]
            return f"no network has {one.text}; {one.key} is {', '.join(shown)}"
    return f"no network has {' and '.join(one.text for one in settings)} at once"
