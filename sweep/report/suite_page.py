"""The page of a suite: what its sweeps show together, and links to their reports."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sweep.claims import SweepClaims
from sweep.config import SuiteConfig
from sweep.paths import SuitePaths
from sweep.report.claims_table import claims_context
from sweep.report.page import templates
from sweep.results import SweepResults


def render_suite(
    config: SuiteConfig,
    source: str,
    paths: SuitePaths,
    results: Sequence[SweepResults],
    claims: Sequence[SweepClaims],
) -> str:
    """The page as HTML, self-contained but for its links. source: the suite file's text."""
    folder = paths.report.parent
    sweeps = [
        {
            "name": one.work.config.name,
            "link": os.path.relpath(one.work.sweep_paths.report, folder),
            "data": one.work.data.name,
            "trained": sum(r.trial.role == "trained" for r in one.results),
            "untrained": sum(r.trial.role == "untrained" for r in one.results),
            "missing": len(one.trials) - len(one.results),
        }
        for one in results
    ]
    return (
        templates()
        .get_template("suite.html.j2")
        .render(config=config, source=source, sweeps=sweeps, **claims_context(claims))
    )
