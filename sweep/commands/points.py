"""Commands on points: estimate their dimension, validate the estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import (
    INTERRUPTED,
    console,
    progress,
)


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
    found = estimate_points(read_points(file), estimator, progress(err=True))
    if png is not None:
        from sweep.report.picture import to_png
        from sweep.report.scale_figure import draw_estimates

        write_output(png, to_png(draw_estimates(found)))
    if json_:
        import json

        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        from sweep.report.estimates import print_estimates

        print_estimates(found, console())
        if png is not None:
            typer.echo(f"picture: {png}")


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
        rows = run_validation(output, counts, estimator, repeats, limit, progress())
    except KeyboardInterrupt:
        typer.echo("stopped; what is done is kept: the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    print_scores(rows, console())
    typer.echo(f"written: {output} and {output.with_suffix('.csv')}")
