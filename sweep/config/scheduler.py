"""The section `scheduler`: which trials end before their last epoch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sweep.config.search import Metric, Mode
from sweep.config.section import Section


class SchedulerConfig(Section):
    """What decides, epoch by epoch, whether a trial is trained on.

    A stopped trial is sealed where it was stopped, and measured, tracked and regressed as
    all others. Which trials are stopped depends, where several run at a time, on which was
    ahead; the rows of what is sealed don't. Only trials of the same run are compared: what
    was sealed by earlier ones is not told to the scheduler.
    """

    name: Literal["fifo", "asha", "median"] = Field(
        default="fifo",
        description="fifo: every trial is trained to its end. asha: at rungs of epochs only the "
        "best share go on (Li et al., MLSys 2020). median: a trial stops whose best value is "
        "below the median of the others' running means (Golovin et al., KDD 2017)",
    )
    metric: Metric = Field(default="test_accuracy", description="by what trials are compared")
    mode: Mode | None = Field(
        default=None, description="whether more is better; null: a loss low, an accuracy high"
    )
    grace_epochs: int = Field(
        default=1, ge=1, description="no trial is stopped before; asha's first rung"
    )
    reduction_factor: float = Field(
        default=4.0,
        gt=1,
        le=1000,
        description="asha: one in so many goes on at a rung, and the next is at so many times "
        "the epochs",
    )
    max_epochs: int | None = Field(
        default=None,
        ge=1,
        description="asha: no rung beyond; null: the most epochs of any trial of the run",
    )
    min_trials: int = Field(
        default=3, ge=1, description="median: how many others must have come as far"
    )
