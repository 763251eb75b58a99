"""The sweep that a side names, and the trials of it that are meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.comparison.conditions import holds, is_setting, setting_of
from sweep.comparison.kept import kept_names, read_kept
from sweep.comparison.naming import Condition, Named
from sweep.errors import UserError
from sweep.models.names import model_label
from sweep.nearest import did_you_mean
from sweep.paths import Storage
from sweep.results import TrialResult, load_plan, load_results
from sweep.space import Trial

MIN_KEY = 4  # characters of a trial's key that may stand for it
SHOWN = 12  # names that an error line lists


@dataclass(frozen=True)
class Source:
    """A sweep in a storage. trials: of its plan, or of all that is kept there."""

    storage: Storage
    name: str
    trials: Sequence[Trial]
    load: Callable[[Callable[[Trial], bool]], Sequence[TrialResult]]


def open_source(storage: Storage, name: str) -> Source:
    """The sweep of this name, or what a profile kept under it. Raises UserError."""
    known = storage.sweep_names()
    kept = kept_names(storage)
    if name in kept:
        results = read_kept(storage, name)
        trials = [result.trial for result in results]
        return Source(storage, name, trials, lambda want: [r for r in results if want(r.trial)])
    if name not in known and name not in storage.suite_names():
        raise UserError(
            f"no sweep {name!r} in {storage.folder}"
            + (f" (and no folder {name.partition(':')[0]!r})" if ":" in name else "")
            + f"; {did_you_mean(name, [*known, *kept])}"
            f"there is: {', '.join([*known, *kept]) or 'none yet'}"
        )
    plan = load_plan(storage, name)
    return Source(
        storage, name, plan.trials, lambda want: load_results(storage, name, want).results
    )


def choose_trials(side: Named, conditions: Sequence[Condition], source: Source) -> list[Trial]:
    """The trials that a side names, as far as their settings tell. Raises UserError."""
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


def _by_name(side: Named, source: Source) -> tuple[list[Trial], bool]:
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


def _why_none(named: Sequence[Trial], settings: Sequence[Condition]) -> str:
    if not named:
        return "no trained network; ?role=untrained takes the others"
    for one in settings:
        if not any(holds(one, trial) for trial in named):
            seen = {setting_of(one.key, trial) for trial in named}
            shown = [str(value) for value in sorted(seen, key=_in_order)[:SHOWN]]
            return f"no network has {one.text}; {one.key} is {', '.join(shown)}"
    return f"no network has {' and '.join(one.text for one in settings)} at once"


def _in_order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then the rest."""
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if is_number else 0.0, str(value)


def _is_all_untrained(source: Source) -> bool:
    return all(trial.role == "untrained" for trial in source.trials)
