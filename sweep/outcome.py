"""What the sealed rows come to: the regression, the report, and all of it in MLflow.

Trains and measures nothing; a command of the command line calls one function.
"""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.claims import judge_claims
from sweep.gathering import read_sweep
from sweep.mirror import mirror_of
from sweep.paths import Storage
from sweep.progress import Progress
from sweep.regression import Regression, regress
from sweep.results import SweepResults, load_results, sealed_digests
from sweep.sealing import content_key, file_digest, write_file
from sweep.secrets import hide_password
from sweep.tracking import (
    MlflowTracker,
    NullTracker,
    Tracker,
    choose_uri,
    keep_uri,
    send,
    track_trials,
)
from sweep.work import Failure

if TYPE_CHECKING:
    from sweep.report.stills import Material

KEPT_DPI = 180  # of a page's width: some 1,300 pixels


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
    from sweep.report.claims_files import write_claims
    from sweep.report.kernels_page import write_kernels_page
    from sweep.report.page import render_page
    from sweep.report.stills import Material
    from sweep.report.units_page import write_units_pages

    paths = results.work.sweep_paths
    paths.reported.unlink(missing_ok=True)
    claims = judge_claims(results)
    write_file(paths.report, render_page(results, regression, failures, claims))
    if claims.claims:
        write_claims([claims], paths.claims)
    written = [paths.report, *(paths.claims.files if claims.claims else ())]
    written += write_units_pages(results)
    files = [paths.claims.table, paths.claims.picture] if claims.claims else []
    kernels = write_kernels_page(results)
    written += kernels
    files += kernels
    pictures = _write_pictures(Material(results, lambda: regression, lambda: claims))
    written += pictures
    if regression is not None:
        written.append(paths.regression)
        write_file(paths.regression, json.dumps(regression.to_json(), indent=1) + "\n")
        heard = [send(lambda: tracker.regression(results.work, regression, pictures))]
    else:
        heard = []
        files += pictures
    heard += [send(partial(tracker.report, results.work, path)) for path in [*files, paths.report]]
    made_of = _made_of(results, tracker)
    if made_of is not None and all(heard) and not failures:
        digests = {str(path.relative_to(paths.folder)): file_digest(path) for path in written}
        made_of["files"] = digests
        write_file(paths.reported, json.dumps(made_of, indent=1) + "\n")
    for folder in (paths.folder, paths.units):
        mirror_of(results.work.storage).send_files(folder)
    return paths.report


def is_reported(results: SweepResults, regression: Regression | None, tracker: Tracker) -> bool:
    """Whether the report was made of just these results, and all of it is here and in MLflow."""
    paths = results.work.sweep_paths
    try:
        kept = json.loads(paths.reported.read_text())
        files = kept.pop("files")
        is_whole = all(file_digest(paths.folder / name) == files[name] for name in files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    if not is_whole or kept != _made_of(results, tracker):
        return False
    return regression is None or tracker.has_regression(regression)


def _made_of(results: SweepResults, tracker: Tracker) -> dict[str, Any] | None:
    """What a report depends on; None while MLflow is away, for it has to come there yet.

    The run in MLflow is among it: a store that was made anew has another.
    """
    if not isinstance(tracker, MlflowTracker):
        return None
    return {
        "idsweep": version("idsweep"),
        "config": content_key(results.work.config.model_dump()),
        "rows": content_key(sealed_digests(results)),
        "trials": content_key([trial.key for trial in results.trials]),
        "tracked": hide_password(tracker.uri),
        "run": tracker.run_id,
    }


def _write_pictures(material: Material) -> list[Path]:
    """The still pictures that go with every report; one without anything to show is removed."""
    from sweep.report.stills import STILLS, render_still

    paths = material.results.work.sweep_paths
    written = []
    for name in (name for name, still in STILLS.items() if still.kept):
        path = paths.picture(name)
        path.unlink(missing_ok=True)
        for content in render_still(name, material, dots_per_inch=KEPT_DPI).values():
            write_file(path, content)
            written.append(path)
    return written


def regress_results(results: SweepResults, uri: str | None) -> tuple[Regression | None, str]:
    """From MLflow where it answers and has every trial, else from the sealed rows.

    Also says which; None if no trained network is measured.
    """
    trials = read_sweep(results, lambda: results.results, uri)
    if not any(result.trial.role == "trained" for result in results.results):
        return None, trials.source
    return regress(trials.table, trials.axes, trials.config), trials.source


def _past_failures(results: SweepResults) -> dict[str, Failure]:
    from sweep.work import read_failure

    done = {result.trial.key for result in results.results}
    found = {
        trial.name: read_failure(results.work.paths(trial))
        for trial in results.trials
        if trial.key not in done
    }
    return {name: failure for name, failure in found.items() if failure is not None}
