"""What the sealed rows come to: the regression, the report, and all of it in MLflow.

Trains and measures nothing; a command of the command line calls one function.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from sweep.claims import judge_claims
from sweep.errors import UserError
from sweep.paths import Storage
from sweep.progress import Progress
from sweep.regression import Regression, regress
from sweep.results import (
    SweepResults,
    load_results,
    rows_digest,
    settle_regression,
    trials_table,
)
from sweep.sealing import write_file
from sweep.space import varied_keys
from sweep.tracking import (
    MlflowTracker,
    NullTracker,
    Tracker,
    choose_uri,
    hide_password,
    keep_uri,
    read_trials,
    send,
    track_trials,
)
from sweep.work import Failure


def track_sweep(storage: Storage, name: str, tracking_uri: str | None, progress: Progress) -> str:
    """Project all that is sealed into MLflow; returns its URI. Raises UserError if it's away."""
    results = load_results(storage, name)
    tracker = MlflowTracker(storage, choose_uri(storage, name, tracking_uri))
    tracker.begin(results.work, results.source)
    keep_uri(storage, name, tracker.uri, progress.note)  # now that it answers
    track_trials(tracker, results, progress)
    regression, _ = regress_results(results, tracker.uri)
    write_report(results, regression, _past_failures(results), tracker)
    return tracker.uri


def regress_sweep(
    storage: Storage, name: str, tracking_uri: str | None
) -> tuple[Regression | None, str]:
    """Regress over the sweep's trials as MLflow has them; also says where they came from."""
    results = load_results(storage, name)
    return regress_results(results, choose_uri(storage, name, tracking_uri))


def report_sweep(storage: Storage, name: str, tracking_uri: str | None) -> Path:
    """Write the report of what is sealed; returns the page's path."""
    results = load_results(storage, name)
    regression, _ = regress_results(results, choose_uri(storage, name, tracking_uri))
    return write_report(results, regression, _past_failures(results), NullTracker())


def write_report(
    results: SweepResults,
    regression: Regression | None,
    failures: dict[str, Failure],
    tracker: Tracker,
) -> Path:
    """Write regression, claims and page, and hand all to the tracker."""
    from sweep.published.compare import compare_published
    from sweep.report.claims_files import write_claims
    from sweep.report.dynamics import draw_dynamics
    from sweep.report.page import render_page
    from sweep.report.picture import to_png
    from sweep.report.published_figures import draw_published
    from sweep.report.static import draw_overview
    from sweep.report.variants import draw_variants
    from sweep.summary import main_quantity

    paths = results.work.sweep_paths
    claims = judge_claims(results)
    write_file(paths.report, render_page(results, regression, failures, claims))
    if claims.claims:
        write_claims([claims], paths.claims)
        for path in (paths.claims.table, paths.claims.picture):
            send(partial(tracker.report, results.work, path))
    comparison = compare_published(results)
    if comparison is not None and comparison.pairs:
        write_file(paths.published, to_png(draw_published(comparison)))
        send(lambda: tracker.report(results.work, paths.published))
    if regression is not None:
        write_file(paths.regression, json.dumps(regression.to_json(), indent=1) + "\n")
        quantity = main_quantity(results.results)
        pictures = []
        if quantity is not None:
            figure = draw_overview(results.results, quantity, regression.response)
            pictures.append((paths.overview, figure))
            pictures.append((paths.profiles, draw_variants(results.results, quantity)))
            if any(result.earlier for result in results.results):
                pictures.append((paths.dynamics, draw_dynamics(results.results, quantity)))
        for path, figure in pictures:
            write_file(path, to_png(figure))
        drawn = [path for path, _ in pictures]
        send(lambda: tracker.regression(results.work, regression, drawn))
    send(lambda: tracker.report(results.work, paths.report))
    return paths.report


def regress_results(results: SweepResults, uri: str | None) -> tuple[Regression | None, str]:
    """From MLflow where it answers and has every trial, else from the sealed rows.

    Also says which; None if no trained network is measured.
    """
    trained = [result for result in results.results if result.trial.role == "trained"]
    digests = {result.trial.key: rows_digest(result.all_rows) for result in results.results}
    table, source = None, "the sealed measurements"
    if uri is not None:
        try:
            table = read_trials(uri, results.work.config.name, digests)
            source = f"MLflow at {hide_password(uri)}"
        except UserError as error:
            source += f" ({error})"
    if table is None:
        table = trials_table(results.results)
    if not trained:
        return None, source
    axes = varied_keys(results.trials)
    return regress(table, axes, settle_regression(results.work.config)), source


def _past_failures(results: SweepResults) -> dict[str, Failure]:
    from sweep.work import read_failure

    done = {result.trial.key for result in results.results}
    found = {
        trial.name: read_failure(results.work.paths(trial))
        for trial in results.trials
        if trial.key not in done
    }
    return {name: failure for name, failure in found.items() if failure is not None}
