"""What every analysis is: one checkpoint in, measurement rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint


class Analysis(Protocol):
    """One way of measuring a network."""

    @property
    def name(self) -> str:
        """The name in sweep files, folders and the `analysis` column."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """JSON values that fix the rows of a given checkpoint and sample of images."""

    @property
    def layer_quantities(self) -> tuple[str, ...]:
        """Quantities it measures per layer, the main one first."""

    @property
    def network_quantities(self) -> tuple[str, ...]:
        """Quantities it measures once per network."""

    def measure(self, checkpoint: Checkpoint) -> Iterable[Measurement]:
        """The rows, in an order that depends on nothing but the network's layers."""
