"""Depthwise kernels of one network, without a sweep: the stages of one, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sweep.config import ModelConfig, SweepConfig
from sweep.data.catalog import DATASETS
from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.paths import Storage
from sweep.profiling import profile_config, profile_network
from sweep.progress import Progress
from sweep.space import Trial

if TYPE_CHECKING:
    from sweep.report.kernel_sets import KernelSet

# Weights are read, images only to trace the layers with.
KERNELS_ALONE = (
    "analyses.intrinsic=null",
    "analyses.linear=null",
    "measure.num_samples=8",
    "measure.layers=[last_hidden]",
)


FEW_DRAWN = "data.num_drawn=100"


@dataclass(frozen=True)
class NetworkKernels:
    """What the depthwise kernels of a network are.

    rows: of each layer, and of the network. seconds: by stage.
    """

    trial: Trial
    kernels: KernelSet
    seconds: dict[str, float]

    @property
    def rows(self) -> list[Measurement]:
        return self.kernels.rows

    @property
    def table(self) -> pa.Table:
        """A row a kernel; none for a network without any."""
        return self.kernels.table

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the analysis. left_out: layers whose kernels are oblong or even, and so not fitted."""
        return self.kernels.settings

    @cached_property
    def page(self) -> str:
        """HTML that needs no other file; raises UserError for a network without any kernels."""
        from sweep.report.kernels_page import render_kernels

        if not self.table.num_rows:
            raise UserError(f"{self.trial.name} has no depthwise kernels: there is no page to show")
        return render_kernels([self.kernels], self.trial.name)


def kernels_config(model: ModelConfig, settings: Sequence[str]) -> SweepConfig:
    """The settings of it: a sweep of one network. settings: such as "analyses.depthwise.seed=1".

    Raises UserError.
    """
    keys = [each.partition("=")[0] for each in settings]
    usual = list(KERNELS_ALONE)
    if "analyses.depthwise" not in keys:
        # Beside one setting of it, such as its null, clusters stay on.
        usual.append("analyses.depthwise={clusters: {}}")
    config = profile_config(model, [*usual, *settings])
    if DATASETS[config.data.name].drawn and "data.num_drawn" not in keys:
        config = profile_config(model, [*usual, *settings, FEW_DRAWN])
    if config.analyses.depthwise is None:
        raise UserError("analyses.depthwise must not be null: `idsweep profile` measures without")
    return config


def kernels_of_network(config: SweepConfig, storage: Storage, progress: Progress) -> NetworkKernels:
    """Prepare the data, fit the kernels; what is sealed is reused. Raises UserError."""
    from sweep.report.kernel_sets import kernels_of_trial

    found = profile_network(config, storage, progress)
    paths = storage.sweep(config.name).trial(found.trial.key)
    kernels = kernels_of_trial(config, found.trial, paths)
    if kernels is None:
        raise UserError("analyses.depthwise is null: there is nothing to show")
    return NetworkKernels(found.trial, kernels, found.seconds)
