"""Views of a sweep that MLflow's pages open ready made: columns, order and charts.

MLflow's own "Save view" keeps one as an experiment tag, `mlflow.sharedViewState.KEY`, and
opens it by `?viewStateShareKey=KEY`; in 3.16 and later they stand in the menu "Views" too.
The tag holds JSON: a name, a time, and the state of the page, deflated and in base64.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.config import SweepConfig
from sweep.measuring import make_analyses
from sweep.scalars import scalar_name
from sweep.sealing import content_key

TAG_PREFIX = "mlflow.sharedViewState."
TRIALS = "idsweep-trials"
TRIALS_TAG = TAG_PREFIX + TRIALS
IS_TRIAL = "tags.`idsweep.trial` LIKE '%'"
IS_TRAINED = "tags.`idsweep.role` = 'trained'"
ROLE = "tags.`idsweep.role`"
TRAINING = "workflowType=machine_learning"  # or pages for traces of language models open
NUM_PROFILES = 3  # quantities that get a chart over depth
CHARTED_RUNS = 100


@dataclass(frozen=True)
class View:
    """A page as it is to open. key: in its link. charts: whether it opens on the charts."""

    key: str
    name: str
    state: dict[str, Any]
    charts: bool = False

    def link(self, experiment: str) -> str:
        """Its address, from the root of MLflow's pages."""
        return _link(experiment, self.key, "CHART" if self.charts else "TABLE")

    @property
    def tag(self) -> tuple[str, str]:
        """Key and value of the experiment's tag; equal views, equal values."""
        state = zlib.compress(json.dumps(self.state, sort_keys=True).encode(), 9)
        packed = "deflate;" + base64.b64encode(state).decode()
        # The menu has the newest first.
        created = {"trials": 3, "profiles": 2, "layers": 1}.get(self.key.split("-")[1], 0)
        return TAG_PREFIX + self.key, json.dumps(
            {"name": self.name, "createdAt": created, "state": packed}
        )


def trials_link(experiment: str) -> str:
    """Where the table of trials is, from the root of MLflow's pages."""
    return _link(experiment, TRIALS, "TABLE")


def make_views(config: SweepConfig) -> list[View]:
    """The table of trials, and profiles over relative depth and over layers."""
    analyses = make_analyses(config.analyses)
    quantities = [
        name for analysis in analyses if not analysis.controls for name in analysis.layer_quantities
    ]
    axes = list(dict.fromkeys(key for block in config.space for key in block))
    columns = ["metrics.`test_accuracy`", "metrics.`num_parameters`"]
    for name in quantities[:1]:
        for summary in ("last_hidden", "peak", "peak_depth"):
            columns.append(f"metrics.`{scalar_name(name, summary)}`")
    columns += [ROLE, *(f"params.`{axis}`" for axis in axes)]
    order = "metrics.`test_accuracy`"
    views = [View(TRIALS, "Trials", _table(IS_TRIAL, order, columns))]
    if not quantities:
        return views
    for key, name, over in (
        ("idsweep-profiles", "Profiles over relative depth", "relative_depth"),
        ("idsweep-layers", "Profiles over layers", None),
    ):
        cards = [_line(quantity, over) for quantity in quantities[:NUM_PROFILES]]
        if over is not None:
            cards += [
                _scatter(scalar_name(quantities[0], summary), "test_accuracy")
                for summary in ("last_hidden", "peak_depth")
            ]
        hidden = [_deleted(name) for name in _other_metrics(analyses, cards)]
        state = _table(IS_TRAINED, order, columns) | _charts(cards, hidden)
        views.append(View(key, name, state, charts=True))
    return views


def _link(experiment: str, key: str, mode: str) -> str:
    return (
        f"#/experiments/{experiment}/runs?viewStateShareKey={key}&compareRunsMode={mode}&{TRAINING}"
    )


def _table(search: str, order: str, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "columnOrder": list(columns),
        "columnWidths": {column: 40 + 7 * len(column.split("`")[1]) for column in columns},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_20_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": False,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }


def _charts(cards: Sequence[dict[str, Any]], hidden: Sequence[dict[str, Any]]) -> dict[str, Any]:
    section = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {
        "compareRunCharts": [*cards, *hidden],
        "compareRunSections": [{**section, "uuid": "idsweep", "name": "Profiles", "columns": 2}],
        "isAccordionReordered": True,
    }


def _card(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": "idsweep-" + content_key([kind, name]),
        "type": kind,
        "runsCountToCompare": CHARTED_RUNS,
        "metricSectionId": "idsweep",
        "deleted": False,
        "isGenerated": False,
        "displayName": name,
        **more,
    }


def _line(quantity: str, over: str | None) -> dict[str, Any]:
    return _card(
        "LINE",
        f"{quantity} over {over.replace('_', ' ') if over else 'layer'}",
        metricKey=quantity,
        selectedMetricKeys=[quantity],
        xAxisKey="metric" if over else "step",
        selectedXAxisMetricKey=over or "",
        xAxisScaleType="linear",
        scaleType="linear",
        range={},
        lineSmoothness=0,
        yAxisKey="metric",
        yAxisExpressions=[],
        displayPoints=True,
        ignoreOutliers=False,
        useGlobalXaxisKey=False,
        useGlobalLineSmoothing=False,
    )


def _scatter(across: str, up: str) -> dict[str, Any]:
    axes = {
        "xaxis": {"key": across, "type": "METRIC"},
        "yaxis": {"key": up, "type": "METRIC"},
    }
    return _card("SCATTER", f"{up} against {across}", **axes)


def _other_metrics(analyses: Sequence[Any], cards: Sequence[dict[str, Any]]) -> list[str]:
    """Metrics that would get a chart of their own, unasked."""
    shown = {card.get("metricKey") for card in cards}
    names = [name for analysis in analyses for name in analysis.network_quantities]
    names += ["relative_depth", "history/train_loss", "history/learning_rate"]
    for analysis in analyses:
        for name in analysis.layer_quantities:
            names.append(name)
            names += [scalar_name(name, what) for what in ("last_hidden", "peak", "peak_depth")]
    return [name for name in dict.fromkeys(names) if name not in shown]


def _deleted(metric: str) -> dict[str, Any]:
    return {
        "uuid": "idsweep-" + content_key(["hidden", metric]),
        "type": "BAR",
        "metricKey": metric,
        "metricSectionId": "idsweep",
        "deleted": True,
        "isGenerated": True,
        "runsCountToCompare": CHARTED_RUNS,
    }
