"""Results and plans as tables in the terminal."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sweep.claims import judge_claims
from sweep.errors import UserError
from sweep.mean import MIN_UNITS
from sweep.paths import DEFAULT_STORAGE
from sweep.report.claims_table import print_claims
from sweep.report.console import plain_table, say
from sweep.report.regression_table import print_headline
from sweep.summary import (
    main_quantity,
    populations_in_words,
    stopped_in_words,
    summarize_families,
)
from sweep.sweepfile import ready_suites, ready_sweeps
from sweep.tracking import hide_password

if TYPE_CHECKING:
    from sweep.capacity import Capacity
    from sweep.checking import Plan
    from sweep.config import SweepConfig
    from sweep.forecast import Forecast
    from sweep.pipeline import SweepResult
    from sweep.suite import SuiteResult


NUMERIC = {
    "trials", "configs", "peak", "at depth", "p", "to do", "sealed", "neighbors", "layers",
    "units", "images", "batch", "activations", "passes", "parts", "time",
}  # fmt: skip
_table = partial(plain_table, numeric=NUMERIC)


def print_result(result: SweepResult, console: Console) -> None:
    """The end of a run: families, regression, failures, times, where everything is."""
    results = result.results
    quantity = main_quantity(results.results) or "dimension"
    table = _table(
        "family",
        "variant",
        "trials",
        "test accuracy",
        f"{quantity} last hidden",
        "peak",
        "at depth",
    )
    for row in summarize_families(results.results):
        last = row.last_hidden
        interval = "" if last.low is None else f" [{last.low:.1f}, {last.high:.1f}]"
        table.add_row(
            row.family,
            row.variant,
            str(row.num_trials),
            f"{row.accuracy:.3f} [{row.accuracy_range[0]:.3f}, {row.accuracy_range[1]:.3f}]",
            f"{last.value:.1f}{interval}",
            f"{row.peak:.1f}",
            f"{row.peak_depth:.2f}",
        )
    console.print(table)
    say(
        console,
        "accuracy: mean [least, most]; last hidden: mean [95% interval over configurations, "
        f"seeds averaged, of {MIN_UNITS} or more]",
    )
    if stopped := stopped_in_words(results.results):
        say(console, stopped)
    if populations := populations_in_words(results.results):
        say(console, populations)
    if result.regression is not None:
        print_headline(result.regression, console)
    if results.work.config.claims:
        console.print()
        print_claims([judge_claims(results)], console)
    _print_end(result, console)
    _print_tracking(result, console)


def print_suite(result: SuiteResult, console: Console) -> None:
    """The end of a suite's run: each sweep in short, and all claims together."""
    for one in result.results:
        say(console, f"{one.results.work.config.name}: {len(one.results.results)} networks")
        _print_end(one, console)
    console.print()
    print_claims(result.claims, console)
    say(console, f"report: {_from_here(result.report)}")
    _print_tracking(result.results[-1], console)


def _print_end(result: SweepResult, console: Console) -> None:
    """Failures, times, the report."""
    for name, failure in result.failures.items():
        say(console, f"failed: {name} ({failure.stage}): {failure.reason}")
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result.seconds.items())
    say(console, f"time: {seconds}")
    say(console, f"report: {_from_here(result.report)}")


def _print_tracking(result: SweepResult, console: Console) -> None:
    """Where MLflow has it."""
    if result.tracking_uri is None:
        return
    storage = result.results.work.storage
    if result.tracking_uri == storage.tracking_uri:
        where = _from_here(storage.folder)
        more = [] if where == DEFAULT_STORAGE else ["--storage", where]
        command = shlex.join(["idsweep", "ui", *more])
        say(console, f"MLflow: {command}")
    else:
        say(console, f"MLflow: {hide_password(result.tracking_uri)}")


def print_plan(config: SweepConfig, plan: Plan, capacity: Capacity, console: Console) -> None:
    """What a run would do."""
    trained = [trial for trial in plan.trials if trial.role == "trained"]
    families = Counter(trial.config.model.name for trial in trained or plan.trials)
    to_train = sum(trial.epoch > 0 for trial in plan.trials)
    table = _table("stage", "to do", "sealed", "asks")
    resources, measure = config.resources, config.measure
    total = len(plan.trials)
    table.add_row("prepare", str(int(not plan.prepared)), str(int(plan.prepared)), config.data.name)
    table.add_row(
        "train",
        str(to_train - plan.trained),
        str(plan.trained),
        " or ".join(f"{one.cpus * one.workers} CPUs, {one.gpus:g} GPUs" for one in resources.each())
        + " a trial",
    )
    table.add_row(
        "measure",
        str(total - plan.measured),
        str(plan.measured),
        f"{measure.actors} actors of {measure.cpus_per_actor:g} CPUs",
    )
    say(console, f"{config.name}: {len(trained)} trials, {total - len(trained)} untrained twins")
    search = config.search
    if search.adaptive:
        suggested = len(trained)
        say(
            console,
            f"search: {search.algorithm} on {search.metric}, {suggested} suggested so far, "
            f"{max(0, search.num_samples - suggested)} to come",
        )
    if config.stops:
        say(console, f"stops early: {_stops_in_words(config)}")
    say(console, "families: " + ", ".join(f"{name} {n}" for name, n in sorted(families.items())))
    most = max((len(trial.earlier) for trial in plan.trials), default=0)
    if most:
        say(console, f"checkpoints: up to {most + 1} a trial, one for each of measure.epochs")
    console.print(table)
    say(console, f"{capacity.where} has {capacity.cpus:g} CPUs and {capacity.gpus:g} GPUs")


def _stops_in_words(config: SweepConfig) -> str:
    scheduler = config.scheduler
    parts = [f"{name} reaches {bound:g}" for name, bound in config.stop.items()]
    if scheduler.name != "fifo":
        parts.append(f"{scheduler.name} on {scheduler.metric}")
    return ", ".join(parts)


def print_forecast(found: list[Forecast], storage: Path, console: Console) -> None:
    """What measuring will take, network by network."""
    table = _table(
        "network", "trials", "layers", "units", "images", "batch", "activations", "where",
        "passes", "parts", "time",
    )  # fmt: skip
    for line in found:
        plan = line.plan
        table.add_row(
            line.label,
            str(line.num_trials),
            str(len(plan.layers)),
            f"{sum(layer.num_units for layer in plan.layers):,}",
            str(plan.num_images),
            str(plan.batch_size),
            f"{plan.num_bytes / 1e6:,.3g} MB",
            "memory" if plan.in_memory else "disk",
            str(len(plan.passes)),
            "1" if plan.in_memory else str(len(plan.parts)),
            f"{line.seconds:.2g} s",
        )
    console.print(table)
    say(
        console,
        "activations, passes over the images and time: of one checkpoint. Time: of the forward "
        "passes at the rate of a large convolution here, on one actor, so at least that.",
    )
    if not all(line.classes_known for line in found):
        say(
            console,
            "images: those of single classes (measure.class_samples) come on top; how many "
            "classes there are is known once the data is prepared",
        )
    if not all(line.plan.in_memory for line in found):
        say(console, f"on disk: below {_from_here(storage)}, deleted once measured")


def print_catalog(what: str, console: Console) -> None:
    """The names that a sweep file can use."""
    from estimators import ESTIMATORS
    from sweep.data import DATASETS
    from sweep.models import models_catalog

    catalogs: dict[str, list[tuple[str, ...]]] = {
        "models": [("",), *models_catalog()],
        "datasets": [("",), *((name, data.summary) for name, data in DATASETS.items())],
        "estimators": [
            ("neighbors", "", "doi"),
            *((name, *_describe(estimator)) for name, estimator in ESTIMATORS.items()),
        ],
        "sweeps": [("",), *((name, _description(path)) for name, path in ready_sweeps().items())],
        "suites": [("",), *((name, _description(path)) for name, path in ready_suites().items())],
    }
    if what not in (*catalogs, "all"):
        raise UserError(f"can list {', '.join(catalogs)} or all, but got {what!r}")
    for title, (header, *rows) in catalogs.items():
        if what in (title, "all"):
            table = _table(title, *header)
            for row in rows:
                table.add_row(*row)
            console.print(table)


def _describe(estimator: Any) -> tuple[str, str, str]:
    """How many neighbors it reads, what it is and by what settings, and its paper's DOI."""
    text = type(estimator).__doc__ or ""
    changed = [
        f"{field.name} {getattr(estimator, field.name)}"
        for field in fields(estimator)
        if getattr(estimator, field.name) != field.default
    ]
    summary = text.strip().partition("\n")[0].rstrip(".")
    paper = re.search(r"doi:\s*(10\.(?:\([^\s)]*\)|[^\s,;)(])+)|(arXiv:[\w./]+)", text)
    return (
        str(estimator.num_neighbors),
        f"{summary} ({', '.join(changed)})" if changed else summary,
        paper[0].removeprefix("doi:").strip().rstrip(".") if paper else "",
    )


def _description(path: Any) -> str:
    import yaml

    return str(yaml.safe_load(path.read_text()).get("description", "")).strip()


def _from_here(path: Path) -> str:
    """Relative below the working folder, where that is shorter to read and to type."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
