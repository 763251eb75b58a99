"""Which networks of a sweep a claim is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sweep.claims.statistics import NoValueError, network_scalar
from sweep.config import ClaimConfig
from sweep.results import TrialResult, trial_parameters

ROLE = "role"
HISTORY = "history."
# What the training history has of each epoch.
HISTORY_KEYS = tuple(
    f"{HISTORY}{name}"
    for name in ("train_accuracy", "train_loss", "test_accuracy", "test_loss", "learning_rate")
)


def choose(
    claim: ClaimConfig, results: Sequence[TrialResult]
) -> tuple[list[TrialResult], Counter[str]]:
    """The networks of which all of `where` holds; and of limits, by key, how many fail them.

    Limits are told apart because they are about what came out, not about what was asked.
    """
    values = {ROLE: "trained", **claim.where}
    plain = {key: wanted for key, wanted in values.items() if not isinstance(wanted, dict)}
    limits = {key: wanted for key, wanted in values.items() if isinstance(wanted, dict)}
    chosen, left_out = [], Counter[str]()
    for result in results:
        if not all(_matches(_value(result, key), wanted) for key, wanted in plain.items()):
            continue
        failed = [key for key, limit in limits.items() if not _within(_value(result, key), limit)]
        left_out.update(failed[:1])
        if not failed:
            chosen.append(result)
    return chosen, left_out


def in_words(key: str, limit: Any) -> str:
    """Limits of a key, such as "history.train_accuracy at least 0.95"."""
    said = " and ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in limit.items())
    return f"{key} {said}"


def _value(result: TrialResult, key: str) -> Any:
    if key == ROLE:
        return result.trial.role
    parameters = trial_parameters(result.trial)
    if key in parameters:
        return parameters[key]
    if key.startswith(HISTORY):
        return result.history[-1].get(key.removeprefix(HISTORY)) if result.history else None
    try:
        return network_scalar(result, key)
    except NoValueError:
        return None


def _matches(value: Any, wanted: Any) -> bool:
    options = wanted if isinstance(wanted, list) else [wanted]
    # In Python true equals 1; here it doesn't.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in options)


def _within(value: Any, limit: dict[str, float]) -> bool:
    if value is None or isinstance(value, str):
        return False
    return bool(limit.get("at_least", value) <= value <= limit.get("at_most", value))
