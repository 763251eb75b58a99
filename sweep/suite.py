"""A suite: several sweeps run in turn in one storage, and what they show together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.checking import plan_sweep
from sweep.claims import SweepClaims, check_claims, judge_claims
from sweep.config import SuiteConfig
from sweep.errors import UserError
from sweep.execution import Cluster
from sweep.mirror import mirror_of
from sweep.outcome import report_sweep
from sweep.paths import Storage
from sweep.pipeline import SweepResult, run_sweep
from sweep.progress import Progress
from sweep.results import SweepResults, load_results, settle_regression
from sweep.sealing import write_file
from sweep.sweepfile import SweepFile, load_suite, load_sweep


@dataclass(frozen=True)
class Suite:
    """A suite file as given and as understood, and its sweeps."""

    text: str
    config: SuiteConfig
    sweeps: list[SweepFile]


@dataclass(frozen=True)
class SuiteResult:
    """What a run of a suite comes to. results, claims: by sweep. report: the joint page."""

    results: list[SweepResult]
    claims: list[SweepClaims]
    report: Path


def open_suite(source: str | Path, overrides: Sequence[str] = ()) -> Suite:
    """Read a suite file, or a ready one by its name, and all of its sweeps.

    overrides: of each sweep. Raises UserError, as `load_sweep` does, and if two sweeps have
    one name.
    """
    text, config, members = load_suite(source)
    sweeps = [load_sweep(member, overrides) for member in members]
    names = [sweep.config.name for sweep in sweeps]
    if twin := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{source}: two of its sweeps are named {twin!r}: give each its own name")
    return Suite(text, config, sweeps)


def run_suite(
    suite: Suite,
    storage: Storage,
    cluster: Cluster,
    progress: Progress,
    tracking_uri: str | None = None,
    *,
    train: bool = True,
) -> SuiteResult:
    """Run each sweep, then write what they show together. Raises UserError as a sweep does.

    What is wrong with any of them is told before the first is run.
    """
    for sweep in suite.sweeps:
        settle_regression(sweep.config)
        check_claims(sweep.config)
        cluster.check(sweep.config)
        plan_sweep(sweep.config, storage)  # makes every trial, though it may not know the data yet
    results = []
    for number, sweep in enumerate(suite.sweeps, start=1):
        progress.note(f"{sweep.config.name}: sweep {number} of {len(suite.sweeps)}")
        results.append(run_sweep(sweep, storage, cluster, progress, tracking_uri, train=train))
    claims, page = _write_page(suite, storage, [result.results for result in results])
    return SuiteResult(results, claims, page)


def report_suite(suite: Suite, storage: Storage, tracking_uri: str | None) -> Path:
    """Write the page of each sweep and the joint one from what is sealed."""
    for sweep in suite.sweeps:
        report_sweep(storage, sweep.config.name, tracking_uri)
    return _write_page(suite, storage, _load(suite, storage))[1]


def suite_claims(suite: Suite, storage: Storage) -> list[SweepClaims]:
    """The claims of each sweep, from what is sealed."""
    return [judge_claims(results) for results in _load(suite, storage)]


def _load(suite: Suite, storage: Storage) -> list[SweepResults]:
    return [load_results(storage, sweep.config.name) for sweep in suite.sweeps]


def _write_page(
    suite: Suite, storage: Storage, results: list[SweepResults]
) -> tuple[list[SweepClaims], Path]:
    from sweep.report.claims_files import write_claims
    from sweep.report.suite_page import render_suite

    paths = storage.suite(suite.config.name)
    claims = [judge_claims(one) for one in results]
    write_file(paths.source, suite.text)
    write_claims(claims, paths.claims)
    page = render_suite(suite.config, suite.text, paths, results, claims)
    write_file(paths.report, page)
    mirror_of(storage).send_files(paths.folder)
    return claims, paths.report
