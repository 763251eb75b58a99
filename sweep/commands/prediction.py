"""The command that predicts accuracy without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import (
    DEFAULT,
    INTERRUPTED,
    NameArgument,
    StorageOption,
    console,
    existing,
    progress,
    sweep_name,
)


def predict(
    sweep: NameArgument,
    storage: StorageOption = DEFAULT,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only networks such as training.label_noise=0. Repeatable."),
    ] = None,
    hold_out: Annotated[
        str | None,
        typer.Option("--hold-out", help="Show each network of this family, held out."),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", help="Hold out by this key, such as model.width; or family."),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="Predict from this scalar. Repeatable; default: last hidden, peak and depth of "
            "the peak of the main dimension."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint",
            "--weights",
            help="A network to predict: a trial's checkpoint, a weights file, or a weight's name.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Its model, as for `idsweep profile`; a trial's checkpoint knows it."),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Side of its images in pixels; default: its own.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A key of it: --set model.width=16. Repeatable."),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw predicted against true accuracy.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Predict test accuracy from unlabelled images, and say how wrong that is.

    Fits on the sweep's networks; each family is predicted from the others. With --checkpoint,
    that network is measured on the sweep's images, and predicted.
    """
    import json

    from sweep.api import predict as predicted
    from sweep.report.picture import to_png
    from sweep.report.prediction_figure import draw_prediction
    from sweep.report.prediction_table import print_prediction
    from sweep.sealing import check_output, write_output

    if png is not None:
        check_output(png, ".png")
    try:
        found = predicted(
            sweep_name(sweep, existing(storage)),
            storage=storage,
            where=where or [],
            group_by=None if group_by == "family" else group_by,
            features=feature,
            checkpoint=checkpoint,
            model=model,
            image_size=image_size,
            overrides=set_ or [],
            progress=progress(err=True),
        )
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    held_out = None if hold_out is None else found.comparison.held_out(hold_out)
    if png is not None:
        write_output(png, to_png(draw_prediction(found)))
    if json_:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    print_prediction(found, held_out, console())
    if png is not None:
        typer.echo(f"picture: {png}")
