"""What an experiment says of itself on MLflow's pages, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from sweep.config import SweepConfig
from sweep.measuring import make_analyses
from sweep.scalars import scalar_name
from sweep.tracking.views import TRAINING, View


def describe(config: SweepConfig, experiment: str, run_id: str, views: Sequence[View]) -> str:
    """What the sweep is, where to look first, how to read it, and the chart to add by hand.

    experiment, run_id: of MLflow, for the links. run_id: of the run that holds the report.
    """
    links = [f"[{view.name}]({view.link(experiment)})" for view in views]
    links.append(f"[The report]({report_link(experiment, run_id)})")
    # The first line is what MLflow's pages show of it before it is unfolded.
    parts = [" | ".join(links)]
    quantity = _main_quantity(config)
    if config.description:
        parts.append(config.description)
    parts.append(
        "One run is one network; tag `idsweep.role` says trained or untrained. "
        "A run's tab *Artifacts* has its profile (`profile.svg`) and every number "
        "(`measurements.parquet`)."
    )
    if quantity is not None:
        names = [scalar_name(quantity, what) for what in ("last_hidden", "peak", "peak_depth")]
        parts.append(
            f"**How to read it.** `{quantity}` has one value a layer, its step being the layer. "
            f"`{names[0]}` is its value where the classifier begins, `{names[1]}` its largest one "
            f"between input and output, `{names[2]}` where that is: 0 input, 1 output."
        )
        parts.append(
            "**A chart of your own.** Tab *Runs*, chart view, *Add chart*, *Line chart*; "
            f"metric `{quantity}`; x-axis *Metric*, `relative_depth`: networks of different depth "
            "on one scale. *Step* puts layers there."
        )
    parts.append(
        "`history/...` is training by epoch. `.../class/NAME` is measured on one class, "
        "`.../classes` the mean over them. `by_epoch/...` has the scalars of networks measured at "
        "several epochs, a step each, and `by_epoch/epoch` says which. Regressions are runs of "
        "their own. Intervals are in the tag `idsweep.intervals`."
    )
    return "\n\n".join(parts) + "\n"


def report_link(experiment: str, run_id: str) -> str:
    """Where MLflow's pages show the sweep's report."""
    return run_link(experiment, run_id, "report.html")


def run_link(experiment: str, run_id: str, artifact: str) -> str:
    """Where MLflow's pages show an artifact of a run."""
    return f"#/experiments/{experiment}/runs/{run_id}/artifacts/{artifact}?{TRAINING}"


def _main_quantity(config: SweepConfig) -> str | None:
    analyses = make_analyses(config.analyses)
    names = (name for one in analyses if not one.controls for name in one.layer_quantities)
    return next(names, None)
