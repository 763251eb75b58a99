"""Network Dissection of one network, without a sweep: the stages of one, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from sweep.config import ModelConfig, SweepConfig
from sweep.data.labels import check_labelled
from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.paths import Storage
from sweep.profiling import profile_config, profile_network
from sweep.progress import Progress
from sweep.space import Trial

# Nothing is asked of the points of layers, so few of them are drawn.
DISSECTION_ALONE = (
    "analyses.intrinsic=null",
    "analyses.linear=null",
    "measure.num_samples=8",
    "data.name=concepts",
)


@dataclass(frozen=True)
class DissectedNetwork:
    """What the units of a network detect.

    rows: of each layer. units, concepts: tables, a row each. page: HTML that needs no other
    file. seconds: by stage.
    """

    trial: Trial
    rows: list[Measurement]
    units: pa.Table
    concepts: pa.Table
    page: str
    seconds: dict[str, float]


def dissection_config(model: ModelConfig, settings: Sequence[str]) -> SweepConfig:
    """The settings of a dissection: a sweep of one network. settings: such as "data.seed=1".

    Raises UserError, also for a data set without labelled concepts.
    """
    asked = any(each.partition("=")[0].startswith("analyses.dissection") for each in settings)
    usual = [*DISSECTION_ALONE, *([] if asked else ["analyses.dissection={}"])]
    config = profile_config(model, [*usual, *settings])
    if config.analyses.dissection is None:
        raise UserError("analyses.dissection must not be null: `idsweep profile` measures without")
    check_labelled(config.data.name)
    return config


def dissect_network(config: SweepConfig, storage: Storage, progress: Progress) -> DissectedNetwork:
    """Prepare the data, dissect the network; what is sealed is reused. Raises UserError."""
    from sweep.report.units_page import read_dissected, render_units

    found = profile_network(config, storage, progress)
    paths = storage.sweep(config.name).trial(found.trial.key)
    dissected = read_dissected(config, found.trial, paths)
    if dissected is None:
        raise UserError("analyses.dissection is null: there is nothing to show")
    return DissectedNetwork(
        found.trial,
        dissected.rows,
        dissected.units,
        dissected.concepts,
        render_units(dissected, found.data, config.measure.split),
        found.seconds,
    )
