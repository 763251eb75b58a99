"""Searches that suggest trials by what the earlier ones came to, with Ray Tune's searchers.

A plain object that is asked and told; it needs no cluster.
"""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from sweep.config import Domain, SweepConfig, TrialConfig
from sweep.config.search import better
from sweep.errors import UserError, first_line
from sweep.planning import place_in_space
from sweep.space import MAX_REPEATS, Trial, draw_points, point_of, to_tune, with_twins

# What each of Tune's searchers imports, and what `pip install` calls that. (BOHB is left out:
# without a scheduler of its own it learns nothing.)
PACKAGES = {
    "optuna": ("optuna", "optuna"),
    "ax": ("ax", "ax-platform"),
    "bayesopt": ("bayes_opt", "bayesian-optimization"),
    "hebo": ("hebo", "HEBO"),
    "hyperopt": ("hyperopt", "hyperopt"),
    "nevergrad": ("nevergrad", "nevergrad"),
    "zoopt": ("zoopt", "zoopt"),
}
BLOCK = "block"  # the axis of which block of the space is meant, where there are several


def check_search(config: SweepConfig) -> None:
    """Raise UserError if the algorithm's package is missing, or if there is nothing to search."""
    name = config.search.algorithm
    if not config.search.adaptive:
        return
    module, package = PACKAGES[name]
    if importlib.util.find_spec(module) is None:
        raise UserError(
            f"search.algorithm: {name} needs a package that is not installed: pip install {package}"
        )
    epochs = [config.training.epochs] + [
        value
        for block in config.space
        for axis in [block.get("training.epochs")]
        for value in (_values(axis) if axis is not None else ())
    ]
    if min(epochs) == 0:
        raise UserError(
            f"search.algorithm: {name} learns from training, but training.epochs may be 0: train, "
            "or use grid"
        )
    if not _axes(config):
        raise UserError(
            f"search.algorithm: {name} searches axes, but no axis of the space varies: give "
            "one a domain, or use grid"
        )


class Search:
    """Suggests up to `search.num_samples` trials, those of the plan among them.

    planned: trials suggested before, which are told again; value: what a trial came to, None
        while it is not trained. on_new: told of each new trial, behind its untrained twin.

    A configuration suggested again counts once. Raises UserError if the algorithm can't
    search this space.
    """

    def __init__(
        self,
        config: SweepConfig,
        data_digest: str,
        planned: Sequence[Trial],
        value: Callable[[Trial], float | None],
        on_new: Callable[[list[Trial]], list[Trial]],
    ) -> None:
        self._config = config
        self._digest = data_digest
        self._value = value
        self._on_new = on_new
        self._known = {trial.key: trial for trial in planned}
        own = [(t, place_in_space(config, t.config)) for t in planned]
        points = [_joined(config, *place) for _, place in own if place is not None]
        self.num_left = config.search.num_samples - len(points)
        self._ended: set[str] = set()
        self._asked: dict[str, list[str]] = {}
        self._num_asked = 0
        self._fresh: list[TrialConfig] = []
        self.is_exhausted = False
        self._searcher: Any = _make_searcher(config, points) if self.num_left > 0 else None
        for _ in points if self._searcher else ():
            if (new := self._draw()) is not None:
                self._fresh.append(new)  # a searcher that takes no points from outside

    def in_words(self) -> str:
        """What is known and what is left, in one line."""
        search = self._config.search
        told = sum(self._value(trial) is not None for trial in self._known.values())
        return (
            f"search: {search.algorithm} on {search.metric}, {told} trials told, "
            f"{max(0, self.num_left)} of {search.num_samples} to suggest"
        )

    def suggest(self) -> tuple[Trial, list[Trial]] | None:
        """A trial not known before, with the untrained twins to measure beside it."""
        if self.num_left <= 0:
            return None
        point = self._fresh.pop() if self._fresh else self._new_point()
        if point is None:
            self.is_exhausted = True
            return None
        self.num_left -= 1
        made = with_twins(self._config, [point], self._digest)
        new = [trial for trial in made if trial.key not in self._known]
        self._known |= {trial.key: trial for trial in new}
        open_trials = self._on_new(new)
        return made[-1], [trial for trial in open_trials if trial.key != made[-1].key]

    def tell(self, trial: Trial) -> None:
        """The trial has ended: what it came to is what is sealed of it."""
        self._ended.add(trial.key)
        for name in self._asked.pop(trial.key, []):
            self._answer(name, trial)

    def _new_point(self) -> TrialConfig | None:
        """One that the searcher suggests; from a small space it may have to be drawn blindly."""
        for _ in range(MAX_REPEATS):
            if (point := self._draw()) is not None:
                return point
        draws = draw_points(self._config, self._config.search.seed + self._num_asked)
        for values in islice(draws, MAX_REPEATS * MAX_REPEATS):
            try:
                point = point_of(self._config, values)
            except UserError:
                continue
            if with_twins(self._config, [point], self._digest)[-1].key not in self._known:
                return point
        return None

    def _draw(self) -> TrialConfig | None:
        """Ask the searcher; None if what it suggests is known, or can't be."""
        self._num_asked += 1
        name = f"asked-{self._num_asked}"
        suggested = self._searcher.suggest(name)
        if not isinstance(suggested, dict):
            return None
        try:
            point = point_of(self._config, _split(self._config, suggested))
        except UserError:
            self._searcher.on_trial_complete(name, error=True)
            return None
        trial = with_twins(self._config, [point], self._digest)[-1]
        there = self._known.get(trial.key)
        if there is not None and (trial.key in self._ended or self._value(there) is not None):
            self._answer(name, there)
        else:
            self._asked.setdefault(trial.key, []).append(name)
        return point if there is None else None

    def _answer(self, name: str, trial: Trial) -> None:
        value = self._value(trial)
        if value is None or not math.isfinite(value):
            self._searcher.on_trial_complete(name, error=True)
            return
        result = {self._config.search.metric: value, "training_iteration": int(trial.epoch)}
        self._searcher.on_trial_complete(name, result)


def _make_searcher(config: SweepConfig, points: list[dict[str, Any]]) -> Any:
    """Tune's searcher over the axes of the space, with the points to be told first."""
    from ray.tune.search import create_searcher

    search = config.search
    name = search.algorithm
    logging.getLogger("ray.tune.search").setLevel(logging.ERROR)
    seed = (search.seed + len(points)) % 2**32  # the same draws would only give the same trials
    settings: dict[str, Any] = {
        "metric": search.metric,
        "mode": better(search.metric, search.mode),
        "seed": seed,
        "random_state_seed": seed,
        "points_to_evaluate": points or None,
        "budget": search.num_samples,
    }
    if name == "optuna":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
    if name == "nevergrad":
        import nevergrad  # type: ignore[import-not-found]  # installed by who asks for it

        settings["optimizer"] = nevergrad.optimizers.NGOpt
    try:
        searcher = create_searcher(name, **settings)
        searcher.set_search_properties(settings["metric"], settings["mode"], _axes(config))
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        says = first_line(error)
        raise UserError(
            f"search.algorithm: {name} can't search this space ({says}): use optuna or random"
        ) from error
    return searcher


def _axes(config: SweepConfig) -> dict[str, Any]:
    """All that varies, in Tune's terms; of several blocks each axis under its block's number."""
    from ray import tune

    several = len(config.space) > 1
    axes: dict[str, Any] = {BLOCK: tune.choice(list(range(len(config.space))))} if several else {}
    for number, block in enumerate(config.space):
        for key, axis in block.items():
            if isinstance(axis, Domain):
                name = f"{number}:{key}" if several else key
                axes[name] = to_tune(axis, draw_grid=True)
    return axes


def _split(config: SweepConfig, suggested: dict[str, Any]) -> dict[str, Any]:
    """The axis values of a trial from those of all axes."""
    plain = {
        key: value.item() if hasattr(value, "item") else value for key, value in suggested.items()
    }
    number = plain.get(BLOCK, 0)
    prefix = f"{number}:" if BLOCK in plain else ""
    return {
        key: plain[prefix + key] if isinstance(axis, Domain) else axis
        for key, axis in config.space[number].items()
    }


def _joined(config: SweepConfig, number: int, values: dict[str, Any]) -> dict[str, Any]:
    """The values of all axes from a trial's; axes of other blocks, which don't count, at one."""
    if len(config.space) == 1:
        return {key: values[key] for key, axis in config.space[0].items() if _varies(axis)}
    point: dict[str, Any] = {BLOCK: number}
    for other, block in enumerate(config.space):
        for key, axis in block.items():
            if _varies(axis):
                point[f"{other}:{key}"] = values[key] if other == number else _values(axis)[0]
    return point


def _values(axis: Any) -> list[Any]:
    """The values of an axis, or the ends of what it may be."""
    return list(next(iter(axis.model_dump().values()))) if isinstance(axis, Domain) else [axis]


def _varies(axis: Any) -> bool:
    return isinstance(axis, Domain)
