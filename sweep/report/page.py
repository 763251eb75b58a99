"""One self-contained HTML page: it needs no network and no other file."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jinja2
import plotly.offline
from markupsafe import Markup

from sweep.claims import SweepClaims
from sweep.mean import MIN_UNITS
from sweep.published.compare import compare_published
from sweep.regression import Regression, headline
from sweep.report.claims_table import claims_context
from sweep.report.depthwise_table import depthwise_context
from sweep.report.dissection_table import dissection_context
from sweep.report.findings import profile_findings, tell_findings
from sweep.report.payload import sweep_payload
from sweep.report.published_figures import published_figures
from sweep.report.regression_table import regression_context
from sweep.report.significant import script_json
from sweep.results import SweepResults
from sweep.summary import main_quantity, summarize_families
from sweep.work import Failure

LIBRARIES = ("idsweep", "torch", "torchvision", "ray", "mlflow", "pyarrow", "numpy")
# The page's program, in the order in which its parts need each other.
SCRIPTS = (
    "data", "statistics", "state", "looks", "plots", "controls", "profiles", "scatter",
    "network", "dimensions", "dynamics", "others", "table", "downloads", "start",
)  # fmt: skip


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
    work, members = results.work, results.results
    quantity = main_quantity(members)
    comparison = compare_published(results)
    findings = profile_findings(members, quantity) if quantity else []
    said = headline(regression) if regression else []
    payload = sweep_payload(results, regression, quantity)
    return environment.get_template("page.html.j2").render(
        config=work.config,
        source=results.source,
        counts={
            "trained": sum(r.trial.role == "trained" for r in members),
            "untrained": sum(r.trial.role == "untrained" for r in members),
            "planned": len(results.trials),
        },
        data=work.data,
        families=summarize_families(members),
        quantity=quantity,
        regression=regression,
        regression_view=regression_context(regression, said) if regression else None,
        headline=said,
        findings=findings,
        told=tell_findings(findings),
        failures=failures,
        fewest=MIN_UNITS,
        **claims_context([claims] if claims else []),
        **dissection_context(results),
        **depthwise_context(results),
        comparison=comparison,
        # Already JSON, without a "<": markup as it stands.
        data_json=Markup(script_json(payload.data)),  # noqa: S704
        parts={name: Markup(text) for name, text in payload.parts.items()},  # noqa: S704
        left_out=payload.left_out,
        published_json=Markup(  # noqa: S704
            script_json(published_figures(comparison) if comparison else [])
        ),
        year=datetime.now(UTC).year,
        seeds=_distinct(r.trial.config.training.seed for r in members),
        plotly=Markup(plotly.offline.get_plotlyjs()),  # noqa: S704
        program=_program(environment, SCRIPTS),
        versions={name: version(name) for name in LIBRARIES}
        | {"python": platform.python_version()},
    )


def _program(environment: jinja2.Environment, names: Sequence[str]) -> Markup:
    """The scripts as one, taken as they are: what looks like a template's tag is none there."""
    loader: Any = environment.loader
    sources = [loader.get_source(environment, f"script/{name}.js")[0] for name in names]
    return Markup("\n".join(sources))  # noqa: S704


def _distinct(values: Any) -> str:
    """Such as "0, 1, 2"; of many, how many, least and most."""
    found = sorted(set(values))
    if len(found) > 12:
        return f"{len(found)} seeds from {found[0]} to {found[-1]}"
    return ", ".join(map(str, found))
