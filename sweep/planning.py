"""Which trials a sweep consists of: those of its space, or those that a search has suggested."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sweep.config import (
    Choice,
    Grid,
    LogUniform,
    RandInt,
    SweepConfig,
    TrialConfig,
    Uniform,
)
from sweep.errors import UserError
from sweep.paths import SweepPaths
from sweep.sealing import content_key
from sweep.space import Trial, flatten, make_trials, point_of, with_twins

OFF = "off this axis"  # no setting has this value


def settle_trials(config: SweepConfig, paths: SweepPaths, data_digest: str) -> list[Trial]:
    """The trials of the sweep so far; of a search those of its plan that the space still holds."""
    if not config.search.adaptive:
        return make_trials(config, data_digest)
    suggested = [
        point for point in _kept_points(paths) if place_in_space(config, point) is not None
    ]
    return with_twins(config, suggested[: config.search.num_samples], data_digest)


def suggested_so_far(
    config: SweepConfig, paths: SweepPaths, trials: Sequence[Trial]
) -> list[dict[str, Any]]:
    """The settings of all that searches have suggested, kept also while the sweep asks for less.

    trials: of the plan that is about to be written.
    """
    plan = _read_plan(paths)
    found = plan.get("suggested", [])
    if config.search.adaptive:
        found = found + [entry["config"] for entry in plan.get("trials", [])]
        found += [trial.config.model_dump() for trial in trials]
    return list({content_key(point): point for point in found}.values())


def place_in_space(config: SweepConfig, point: TrialConfig) -> tuple[int, dict[str, Any]] | None:
    """The block that holds a trial's settings, and their axis values; None if none does."""
    settings = flatten(point.model_dump())
    for number, block in enumerate(config.space):
        values = {key: _on_axis(axis, settings[key]) for key, axis in block.items()}
        try:
            # Also tells a setting that is off its axis, or elsewhere than in the rest of the file.
            same = point_of(config, values)
        except UserError:
            continue
        if same == point:
            return number, values
    return None


def _on_axis(axis: Any, value: Any) -> Any:
    """The value of the axis that a setting came from; something else if none does."""
    match axis:
        case Grid() | Choice():
            options = axis.grid if isinstance(axis, Grid) else axis.choice
            return value if value in options else next((o for o in options if o is None), OFF)
        case Uniform() | LogUniform():
            low, high = axis.uniform if isinstance(axis, Uniform) else axis.loguniform
        case RandInt():
            low, high = axis.randint[0], axis.randint[1] - 1
        case _:
            return axis
    return value if isinstance(value, int | float) and low <= value <= high else OFF


def _kept_points(paths: SweepPaths) -> list[TrialConfig]:
    """The settings of all that was suggested, and of the last plan's trials, twins too."""
    try:
        plan = _read_plan(paths)
        points = plan.get("suggested", []) + [entry["config"] for entry in plan.get("trials", [])]
        return list(dict.fromkeys(map(TrialConfig.model_validate, points)))
    except (TypeError, ValueError, KeyError):
        return []


def _read_plan(paths: SweepPaths) -> dict[str, Any]:
    """An unreadable plan costs what its search has learnt, and no sealed trial."""
    try:
        plan = json.loads(paths.plan.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return plan if isinstance(plan, dict) else {}
