"""What every analysis is: a network or one of its layers in, measurement rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView


class Analysis(Protocol):
    """One way of measuring a network.

    Layers may be measured one by one in any process, so `measure_layer` may depend on
    nothing but its layer; what looks at several layers is `finish`.
    """

    @property
    def name(self) -> str:
        """The name in sweep files, folders and the `analysis` column."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """JSON values that fix the rows of a given checkpoint and sample of images."""

    @property
    def controls(self) -> bool:
        """Whether its quantities check others rather than sum up a network.

        They are no predictors by default, never the main quantity, and in no table or
        picture that doesn't ask for them; rows, MLflow and exports have them as all others.
        """

    @property
    def layer_quantities(self) -> tuple[str, ...]:
        """Quantities it measures per layer, the main one first."""

    @property
    def network_quantities(self) -> tuple[str, ...]:
        """Quantities it measures once per network."""

    @property
    def num_neighbors(self) -> int:
        """How many nearest neighbors of each point it reads; 0 if none."""

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        """The rows about the whole network."""

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        """The rows about one layer on one probe set."""

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        """All rows of one checkpoint, layer after layer: what is left to say about them."""
