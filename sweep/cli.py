"""The command line: arguments in, one stage called, results printed. No logic.

Nothing heavy is imported at the top: `idsweep --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep.paths import DEFAULT_STORAGE

if TYPE_CHECKING:
    from sweep.paths import Storage
    from sweep.progress import Progress

app = typer.Typer(
    help="Sweep many networks, see how each one's representation folds and unfolds, "
    "and ask what that says about accuracy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SweepArgument = Annotated[str, typer.Argument(help="A sweep file, or the name of a ready sweep.")]
NameArgument = Annotated[str, typer.Argument(help="A sweep that was run: its name, or its file.")]
StorageOption = Annotated[Path, typer.Option("--storage", help="Folder of all results.")]
TrackingOption = Annotated[
    str | None, typer.Option("--tracking-uri", help="MLflow; default: SQLite in the storage.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override any key: --set training.epochs=2. Repeatable."),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster, HOST:PORT or auto; default: start one here."),
]
DEFAULT = Path(DEFAULT_STORAGE)
INTERRUPTED = 130


@app.command()
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
    from sweep.cluster import RayCluster
    from sweep.paths import open_storage
    from sweep.pipeline import run_sweep
    from sweep.report.terminal import print_result
    from sweep.sweepfile import load_sweep

    file = load_sweep(sweep, set_ or [])
    cluster = RayCluster(address)
    try:
        result = run_sweep(
            file, open_storage(storage, create=True), cluster, _progress(), tracking_uri
        )
    except KeyboardInterrupt:
        typer.echo("stopped; what is sealed is kept: the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        cluster.close()
    print_result(result, _console())
    if result.failures:
        raise typer.Exit(1)


@app.command()
def check(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT,
    address: AddressOption = None,
    set_: SetOption = None,
) -> None:
    """Validate a sweep file and print the plan; nothing is kept."""
    from sweep.cluster import RayCluster, check_capacity
    from sweep.paths import open_storage
    from sweep.pipeline import plan_sweep
    from sweep.report.terminal import print_plan
    from sweep.sweepfile import load_sweep

    file = load_sweep(sweep, set_ or [])
    cluster = RayCluster(address)
    try:
        capacity = cluster.capacity()
        check_capacity(file.config, capacity)
    finally:
        cluster.close()
    plan = plan_sweep(file.config, open_storage(storage, create=True))
    print_plan(file.config, plan, capacity, _console())


@app.command()
def regress(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Regress accuracy on the measured dimensions, from the profiles in MLflow."""
    from sweep.errors import UserError
    from sweep.pipeline import regress_sweep
    from sweep.report.terminal import print_regression

    folder = _existing(storage)
    regression, source = regress_sweep(folder, _name(sweep, folder), tracking_uri)
    if regression is None:
        raise UserError(f"sweep {sweep!r} has no trained trial yet: run it first")
    if json_:
        import json

        typer.echo(json.dumps(regression.to_json() | {"source": source}, indent=1))
    else:
        print_regression(regression, _console(), full=True)
        typer.echo(f"from {source}")


@app.command()
def report(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
) -> None:
    """Write the HTML report anew from what is sealed."""
    from sweep.pipeline import report_sweep

    folder = _existing(storage)
    typer.echo(str(report_sweep(folder, _name(sweep, folder), tracking_uri)))


@app.command()
def track(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
) -> None:
    """Project all that is sealed into MLflow; twice is the same as once."""
    from sweep.pipeline import track_sweep
    from sweep.tracking import hide_password

    folder = _existing(storage)
    uri = track_sweep(folder, _name(sweep, folder), tracking_uri, _progress())
    typer.echo(f"tracked in {hide_password(uri)}")


@app.command()
def ui(
    storage: StorageOption = DEFAULT,
    port: Annotated[int, typer.Option(help="Port on loopback.", min=1, max=65535)] = 5000,
) -> None:
    """Serve MLflow over the embedded store, on this machine alone."""
    from sweep.tracking import serve_ui

    raise typer.Exit(serve_ui(_existing(storage), port))


@app.command()
def export(
    sweep: NameArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="A .parquet or .csv file.")],
    storage: StorageOption = DEFAULT,
) -> None:
    """Export all measurement rows of a sweep to one file."""
    from sweep.results import export_rows

    folder = _existing(storage)
    count = export_rows(folder, _name(sweep, folder), output)
    typer.echo(f"{count} rows in {output}")


@app.command()
def estimate(
    file: Annotated[
        Path, typer.Argument(help="Points, a row each: .npy, .csv, .parquet, .arrow or .feather.")
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option(help="One of `idsweep list estimators`, or all. Repeatable."),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the estimates into this file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate the intrinsic dimension of the points in a file."""
    from sweep.estimation import estimate_points
    from sweep.pointfile import read_points
    from sweep.sealing import check_output, write_output

    if png is not None:
        check_output(png, ".png")
    found = estimate_points(read_points(file), estimator, _progress(err=True))
    if png is not None:
        from sweep.report.picture import to_png
        from sweep.report.scale_figure import draw_estimates

        write_output(png, to_png(draw_estimates(found)))
    if json_:
        import json

        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        from sweep.report.estimates import print_estimates

        print_estimates(found, _console())
        if png is not None:
            typer.echo(f"picture: {png}")


@app.command()
def validate(
    num_points: Annotated[str, typer.Option(help="Points of each sample.")] = "500,2000,5000",
    estimator: Annotated[
        list[str] | None,
        typer.Option(help="One of `idsweep list estimators`. Repeatable; default: all."),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .md file; a .csv is written beside it.")
    ] = Path("docs/validation.md"),
    repeats: Annotated[int, typer.Option(help="Samples of each manifold.", min=1)] = 1,
    limit: Annotated[
        float, typer.Option(help="Seconds that an estimator may take on one sample.", min=0)
    ] = 60.0,
) -> None:
    """Run estimators over the benchmark manifolds, and write what they get right.

    The same command again goes on where the last one stopped.
    """
    from sweep.report.validation_page import print_scores
    from sweep.validation import parse_counts, run_validation

    counts = parse_counts(num_points)
    try:
        rows = run_validation(output, counts, estimator, repeats, limit, _progress())
    except KeyboardInterrupt:
        typer.echo("stopped; what is done is kept: the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    print_scores(rows, _console())
    typer.echo(f"written: {output} and {output.with_suffix('.csv')}")


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="models, datasets, estimators or sweeps; default: all")
    ] = "all",
) -> None:
    """List what a sweep file can name."""
    from sweep.report.terminal import print_catalog

    print_catalog(what, _console())


@app.command()
def schema() -> None:
    """Print the JSON schema of sweep files, for editors."""
    import json

    from sweep.config import SweepConfig

    typer.echo(json.dumps(SweepConfig.model_json_schema(), indent=1))


def main() -> None:
    """Entry point: a user's mistake is one line and exit code 2."""
    with _one_line_errors():
        app()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        from sweep.errors import UserError

        if not isinstance(error, UserError):
            raise
        typer.echo(f"idsweep: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(INTERRUPTED)


def _console(err: bool = False) -> Any:
    from rich.console import Console

    # In a log nobody resizes the window: tables keep their natural width.
    terminal = (sys.stderr if err else sys.stdout).isatty()
    return Console(stderr=err) if terminal else Console(stderr=err, width=120)


def _progress(err: bool = False) -> Progress:
    """On standard output, or with `err` on standard error, so that results can be piped."""
    from sweep.progress import LiveProgress, PlainProgress

    if (sys.stderr if err else sys.stdout).isatty():
        return LiveProgress(_console(err))
    return PlainProgress(lambda line: typer.echo(line, err=err))


def _existing(folder: Path) -> Storage:
    from sweep.paths import open_storage

    return open_storage(folder, create=False)


def _name(sweep: str, storage: Storage) -> str:
    """A sweep's name, given itself or the file it was run from."""
    from sweep.sweepfile import load_sweep

    if sweep in storage.sweep_names() or not Path(sweep).is_file():
        return sweep
    return load_sweep(sweep).config.name


if __name__ == "__main__":
    main()
