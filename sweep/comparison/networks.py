"""One network at one epoch, as a comparison sees it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.measurement import Measurement
from sweep.results import TrialResult, trial_parameters
from sweep.scalars import Scalar, scalars
from sweep.space import Trial
from sweep.training.checkpoints import Record

Z = 1.959964  # an interval of 95% reaches so many standard errors to each side


@dataclass(frozen=True)
class Curve:
    """A quantity layer by layer, from input to output; layers without a number are left out.

    depth, value: (L,) floats for L layers. error: (L,) standard errors of measuring, 0
    where the quantity has no interval. layers: their names.
    """

    layers: tuple[str, ...]
    depth: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """A trial at one of its epochs. rows: of that epoch alone."""

    trial: Trial
    rows: list[Measurement]
    history: list[Record] = field(default_factory=list)

    @property
    def identity(self) -> tuple[str, float]:
        """Equal for the same checkpoint of the same network, wherever it is stored."""
        return self.trial.key, self.trial.epoch

    @property
    def name(self) -> str:
        """With the epoch where that is not the last."""
        last = float(self.trial.config.training.epochs)
        at = "" if self.trial.epoch == last else f"@{self.trial.epoch:g}"
        return self.trial.name + at

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The configuration under dotted keys."""
        return trial_parameters(self.trial)

    @cached_property
    def scalars(self) -> dict[str, Scalar]:
        """The numbers that sum it up."""
        return scalars(self.rows)

    @cached_property
    def layer_rows(self) -> dict[str, list[Measurement]]:
        """The rows of layers by quantity, in the order in which they were measured."""
        found: dict[str, list[Measurement]] = {}
        for row in self.rows:
            if row.layer_index is not None and row.quantity != "last_hidden":
                found.setdefault(row.quantity, []).append(row)
        return found

    def curve(self, quantity: str) -> Curve | None:
        """None without a number in any layer."""
        there = [row for row in self.layer_rows.get(quantity, []) if math.isfinite(row.value)]
        rows = sorted(there, key=lambda row: row.layer_index or 0)
        if not rows:
            return None
        return Curve(
            tuple(row.layer for row in rows),
            np.array([row.relative_depth or 0.0 for row in rows]),
            np.array([row.value for row in rows]),
            np.array([standard_error(row.low, row.high) for row in rows]),
        )


def standard_error(low: float | None, high: float | None) -> float:
    """Of a number with this 95% interval; 0 if it has none."""
    if low is None or high is None or not math.isfinite(high - low):
        return 0.0
    return (high - low) / (2 * Z)


def at_epoch(result: TrialResult, epoch: float | None) -> Network | None:
    """The network after so many epochs; None is the last. None if it was not measured then."""
    trial = result.trial
    if epoch is None or epoch == trial.epoch:
        return Network(trial, result.rows, result.history)
    if epoch not in result.earlier:
        return None
    history = [record for record in result.history if record.get("epoch", math.inf) <= epoch]
    return Network(trial.at(epoch), result.earlier[epoch], history)


def layer_quantities(networks: Iterable[Network]) -> list[str]:
    """What is measured per layer of any of them, in the order of the rows."""
    return list(dict.fromkeys(name for network in networks for name in network.layer_rows))


def shared_settings(rows: Iterable[Measurement]) -> Mapping[str, Any]:
    """Settings that all rows agree in."""
    common: dict[str, Any] | None = None
    for row in rows:
        if common is None:
            common = dict(row.settings)
        else:
            common = {k: v for k, v in common.items() if row.settings.get(k, common) == v}
    return common or {}
