"""One self-contained HTML page: it needs no network and no other file."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import Any

import jinja2
import plotly.offline

from sweep.claims import SweepClaims
from sweep.published.compare import Comparison, compare_published
from sweep.regression import FAMILY, SEED, Regression
from sweep.report.claims_table import claims_context
from sweep.report.dynamics_figures import course_figure, epochs_figure
from sweep.report.figures import axis_figure, profile_figure, scatter_figure
from sweep.report.published_figures import published_figures
from sweep.results import SweepResults, trials_table
from sweep.space import varied_keys
from sweep.summary import headline, interval_text, main_quantity, summarize_families
from sweep.work import Failure

LIBRARIES = ("idsweep", "torch", "torchvision", "ray", "mlflow", "pyarrow", "numpy")


def templates() -> jinja2.Environment:
    """The pages' templates; what is put into them is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("sweep.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def render_page(
    results: SweepResults,
    regression: Regression | None,
    failures: dict[str, Failure],
    claims: SweepClaims | None = None,
) -> str:
    """The report of a sweep as HTML."""
    environment = templates()
    environment.filters["interval"] = interval_text
    environment.filters["signed"] = lambda value: f"{value:+.2f}"
    work = results.work
    comparison = compare_published(results)
    figures = _figures(results, regression) + _published(comparison)
    return environment.get_template("page.html.j2").render(
        config=work.config,
        source=results.source,
        counts={
            "trained": sum(r.trial.role == "trained" for r in results.results),
            "untrained": sum(r.trial.role == "untrained" for r in results.results),
            "planned": len(results.trials),
        },
        data=work.data,
        families=summarize_families(results.results),
        quantity=main_quantity(results.results),
        regression=regression,
        headline=headline(regression) if regression else [],
        failures=failures,
        **claims_context([claims] if claims else []),
        comparison=comparison,
        figures=figures,
        # "</script>" inside a string would end the script early.
        figures_json=_for_script([figure["figure"] for figure in figures]),
        plotly=plotly.offline.get_plotlyjs(),
        versions={name: version(name) for name in LIBRARIES}
        | {"python": platform.python_version()},
    )


def _figures(results: SweepResults, regression: Regression | None) -> list[dict[str, Any]]:
    """Each figure with its section and its caption."""
    quantity = main_quantity(results.results)
    figures: list[dict[str, Any]] = []
    if quantity is None:
        return figures
    for family in sorted({result.trial.config.model.name for result in results.results}):
        figure = profile_figure(results.results, family, quantity)
        if figure["data"]:  # one layer alone is no profile
            figures.append({"section": "profiles", "caption": "", "figure": figure})
        for draw in (epochs_figure, course_figure):
            figure_by_epoch = draw(results.results, family, quantity)
            if figure_by_epoch is not None:
                figures.append({"section": "dynamics", "caption": "", "figure": figure_by_epoch})
    if regression is None or not regression.correlations:
        return figures
    predictor, response = regression.correlations[0].predictor, regression.response
    table = trials_table(results.results)
    figures.append(
        {
            "section": "scatter",
            "caption": "",
            "figure": scatter_figure(table, predictor, response),
        }
    )
    axes = varied_keys(results.trials)
    scopes = {row.scope for row in regression.correlations}
    for axis in axes:
        if axis not in (SEED, FAMILY) and f"along {axis}" in scopes:
            figure = axis_figure(table, predictor, response, axis, axes)
            caption = f"along {axis}: markers grow with it"
            figures.append({"section": "axes", "caption": caption, "figure": figure})
    return figures


def _published(comparison: Comparison | None) -> list[dict[str, Any]]:
    drawn = published_figures(comparison) if comparison else []
    return [{"section": "published", "caption": "", "figure": figure} for figure in drawn]


def _for_script(value: Any) -> str:
    return json.dumps(value).replace("</", "<\\/").replace("<!--", "<\\!--")
