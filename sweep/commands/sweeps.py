"""Commands on a sweep: run it, look at it, hand it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import (
    DEFAULT,
    INTERRUPTED,
    AddressOption,
    NameArgument,
    SetOption,
    StorageOption,
    SweepArgument,
    TrackingOption,
    console,
    end_lost,
    existing,
    progress,
    sweep_name,
)


def run(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
    address: AddressOption = None,
    set_: SetOption = None,
) -> None:
    """Train, measure, track, regress and report: all that isn't sealed yet.

    The same command again goes on where the last one stopped.
    """
    _run(sweep, storage, tracking_uri, address, set_, train=True)


def measure(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
    address: AddressOption = None,
    set_: SetOption = None,
) -> None:
    """Measure what is trained already, and train nothing: after adding analyses, say.

    Kept activations (measure.keep_activations) spare the forward passes.
    """
    _run(sweep, storage, tracking_uri, address, set_, train=False)


def check(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT,
    address: AddressOption = None,
    set_: SetOption = None,
) -> None:
    """Validate a sweep file and print the plan; nothing is kept."""
    from sweep.checking import plan_sweep
    from sweep.cluster import RayCluster
    from sweep.data.partitions import prepared_data
    from sweep.forecast import forecast
    from sweep.paths import open_storage
    from sweep.report.terminal import print_forecast, print_plan
    from sweep.suite import open_suite
    from sweep.sweepfile import is_suite, load_sweep

    given = set_ or []
    files = open_suite(sweep, given).sweeps if is_suite(sweep) else [load_sweep(sweep, given)]
    cluster = RayCluster(address)
    try:
        capacity = cluster.capacity()
        for file in files:
            cluster.check(file.config)
        folder = open_storage(storage, create=True)
        cluster.check_storage(folder)
    finally:
        cluster.close()
    for file in files:
        plan = plan_sweep(file.config, folder)
        found = forecast(file.config, plan.trials, prepared_data(file.config.data, folder))
        print_plan(file.config, plan, capacity, console())
        print_forecast(found, folder.folder, console())


def claims(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge the claims of a sweep or a suite by their rules, from what is sealed."""
    from sweep.claims import judge_claims
    from sweep.errors import UserError
    from sweep.report.claims_table import print_claims
    from sweep.results import load_results
    from sweep.suite import open_suite, suite_claims
    from sweep.sweepfile import is_suite

    folder = existing(storage)
    if is_suite(sweep):
        found = suite_claims(open_suite(sweep), folder)
    else:
        found = [judge_claims(load_results(folder, sweep_name(sweep, folder)))]
    if not any(one.claims for one in found):
        raise UserError(f"sweep {sweep!r} has no `claims`: add them to its file and run it again")
    if json_:
        import json

        typer.echo(json.dumps([one.to_json() for one in found], indent=1))
    else:
        print_claims(found, console())


def report(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
) -> None:
    """Write the HTML report anew from what is sealed."""
    from sweep.outcome import report_sweep
    from sweep.suite import open_suite, report_suite
    from sweep.sweepfile import is_suite

    folder = existing(storage)
    if is_suite(sweep):
        typer.echo(str(report_suite(open_suite(sweep), folder, tracking_uri)))
        return
    typer.echo(str(report_sweep(folder, sweep_name(sweep, folder), tracking_uri)))


def track(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
) -> None:
    """Project all that is sealed into MLflow; twice is the same as once."""
    from sweep.outcome import track_sweep
    from sweep.tracking import hide_password

    folder = existing(storage)
    uri = track_sweep(folder, sweep_name(sweep, folder), tracking_uri, progress())
    typer.echo(f"tracked in {hide_password(uri)}")


def ui(
    storage: StorageOption = DEFAULT,
    port: Annotated[int, typer.Option(help="Port on loopback.", min=1, max=65535)] = 5000,
) -> None:
    """Serve MLflow over the embedded store, on this machine alone."""
    from sweep.errors import UserError
    from sweep.tracking import serve_ui, tracked_elsewhere

    folder = existing(storage)
    elsewhere = tracked_elsewhere(folder)
    told = "; ".join(f"sweep {name} is tracked at {uri}" for name, uri in elsewhere.items())
    if elsewhere and not folder.tracking_file.exists():
        raise UserError(f"nothing is tracked in {folder.folder}: {told}: open that")
    if elsewhere:
        typer.echo(f"{told}, not here", err=True)
    raise typer.Exit(serve_ui(folder, port))


def export(
    sweep: NameArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="A .parquet or .csv file.")],
    storage: StorageOption = DEFAULT,
) -> None:
    """Export all measurement rows of a sweep to one file."""
    from sweep.export import export_rows

    folder = existing(storage)
    count = export_rows(folder, sweep_name(sweep, folder), output)
    typer.echo(f"{count} rows in {output}")


def _run(
    sweep: str,
    storage: str,
    tracking_uri: str | None,
    address: str | None,
    set_: list[str] | None,
    *,
    train: bool,
) -> None:
    from sweep.cluster import RayCluster
    from sweep.paths import open_storage
    from sweep.sweepfile import is_suite, load_sweep

    given = set_ or []
    cluster = RayCluster(address, end_lost)
    try:
        file = None if is_suite(sweep) else load_sweep(sweep, given)
        folder = open_storage(storage, create=train)
        if file is not None and train:
            cluster.begin(file.config, folder)
        # Only now, for it takes seconds, in which Ray starts.
        from sweep.pipeline import run_sweep
        from sweep.report.terminal import print_result, print_suite
        from sweep.suite import open_suite, run_suite

        suite = open_suite(sweep, given) if file is None else None
        if suite is not None:
            joint = run_suite(suite, folder, cluster, progress(), tracking_uri, train=train)
            results = joint.results
        elif file is not None:
            results = [run_sweep(file, folder, cluster, progress(), tracking_uri, train=train)]
    except KeyboardInterrupt:
        typer.echo("stopped; what is sealed is kept: the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        cluster.close()
    if suite is not None:
        print_suite(joint, console())
    else:
        print_result(results[0], console())
    if any(result.failures for result in results):
        raise typer.Exit(1)
