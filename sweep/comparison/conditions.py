"""What must hold of a network: of its settings, or of the numbers that sum it up."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sweep.comparison.naming import Condition
from sweep.comparison.networks import Network
from sweep.config import TrialConfig
from sweep.errors import UserError
from sweep.nearest import did_you_mean
from sweep.results import trial_parameters
from sweep.space import Trial, flatten

ROLE = "role"
HISTORY = "history."
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@cache
def setting_keys() -> dict[str, str]:
    """Each setting by its dotted key, and by its last part where no other ends so."""
    keys = [*flatten(TrialConfig().model_dump()), ROLE]
    short: dict[str, list[str]] = {}
    for key in keys:
        short.setdefault(key.rpartition(".")[2], []).append(key)
    return {key: key for key in keys} | {
        name: found[0] for name, found in short.items() if len(found) == 1
    }


def is_setting(key: str) -> bool:
    """Whether it tells of what was asked for, not of what came out."""
    return key in setting_keys()


def check_keys(side: str, conditions: Iterable[Condition]) -> None:
    """Raise UserError for a key that can only be a setting, and is none."""
    for one in conditions:
        looks_like_setting = one.key.startswith(("model.", "training.", "data."))
        near = did_you_mean(one.key, setting_keys())
        if not is_setting(one.key) and (looks_like_setting or near):
            raise UserError(
                f"{side}: no setting {one.key!r}; {near}"
                f"allowed: {', '.join(sorted(set(setting_keys().values())))}, and numbers such "
                "as test_accuracy or id_last_hidden/twonn"
            )


def setting_of(key: str, trial: Trial) -> Any:
    """The value of a setting."""
    if key == ROLE:
        return trial.role
    return trial_parameters(trial)[setting_keys()[key]]


def holds(condition: Condition, trial: Trial, network: Network | None = None) -> bool:
    """Whether it holds; network: for what is no setting. Without a value it doesn't."""
    key = condition.key
    if is_setting(key):
        value = setting_of(key, trial)
    elif network is None:
        raise ValueError(f"{key} is no setting")
    elif key.startswith(HISTORY):
        last = network.history[-1] if network.history else {}
        value = last.get(key.removeprefix(HISTORY))
    else:
        found = network.scalars.get(key)
        value = None if found is None else found.value
    return _compare(value, condition)


def _compare(value: Any, condition: Condition) -> bool:
    wanted = condition.value
    if condition.relation in ("=", "!="):
        # In Python true equals 1; here it doesn't.
        same = value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
        return same == (condition.relation == "=")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (value, wanted)):
        return False
    return ORDER[condition.relation](value, wanted)
