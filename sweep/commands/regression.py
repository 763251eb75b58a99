"""The command that asks what measured numbers say about accuracy, across models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import DEFAULT, StorageOption, TrackingOption, console, sweep_name


def regress(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sweeps that were run (name or file), MLflow experiments, or published:TABLE."
        ),
    ] = None,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
    filter_: Annotated[
        str,
        typer.Option(
            "--filter",
            help="Only trials such as \"params.`model.name` = 'cnn' and metrics.test_accuracy > "
            '0.5", as mlflow.search_runs takes it.',
        ),
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only networks such as training.label_noise=0. Repeatable."),
    ] = None,
    response: Annotated[
        str | None, typer.Option(help="A number of a trial; default: test_accuracy.")
    ] = None,
    predictor: Annotated[
        list[str] | None,
        typer.Option(
            help="A number of a trial: id_last_hidden/twonn, model.width, history/train_loss, "
            "log(num_parameters); or of a layer: id/twonn[layer3], id/twonn[0.5] (relative depth), "
            "id/twonn[-2] (from the end). Repeatable."
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            help="Held fixed in partial correlations and the linear model; none for none. "
            "Repeatable; default: log(num_parameters), train_accuracy."
        ),
    ] = None,
    resamples: Annotated[
        int | None, typer.Option(help="Bootstrap draws, and permutations; default: 2000.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of both; default: 0.")] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="A CSV file of your own instead of sweeps, a line a network."),
    ] = None,
    figure: Annotated[
        list[Path] | None,
        typer.Option(help="Draw it, as .png or .svg. Repeatable."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print every table, whole.")] = False,
    track: Annotated[
        bool, typer.Option(help="Keep it as a run in MLflow, where the trials came from there.")
    ] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Regress accuracy on what was measured, across models; what is not clear is said so.

    Correlations with intervals and permutation p-values, overall, by family, along each axis;
    a linear model, partial correlations, errors about networks left out, who carries the result,
    and all predictors on equal footing. From the profiles in MLflow where it has them.
    """
    import json

    from sweep.api import regress as regressed
    from sweep.report.regression_table import print_regression
    from sweep.sealing import check_output

    for path in figure or []:
        check_output(path, ".png", ".svg")
    found = regressed(
        [_named(name, storage) for name in names or []],
        storage=storage,
        tracking_uri=tracking_uri,
        filter_string=filter_,
        where=where or [],
        response=response,
        predictors=predictor,
        covariates=[] if covariate == ["none"] else covariate,
        resamples=resamples,
        seed=seed,
        table=table,
        track=track,
    )
    for path in figure or []:
        from sweep.report.regression_figure import write_regression_figure

        write_regression_figure(found.regression, path)
    if json_:
        record = found.regression.to_json() | {"source": found.source}
        typer.echo(json.dumps(record, indent=1))
        return
    print_regression(found.regression, console(), full)
    typer.echo(f"from {found.source}")
    if found.run:
        typer.echo(f"kept as a run: {found.run}")
    for path in figure or []:
        typer.echo(f"figure: {path}")


def _named(name: str, storage: str) -> str:
    """The name of the sweep, given the file that it was run from."""
    from sweep.paths import Storage

    return sweep_name(name, Storage(Path(storage).absolute())) if Path(name).is_file() else name
