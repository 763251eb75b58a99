"""Commands on one network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import INTERRUPTED, SetOption, console, progress

ModelArgument = Annotated[
    str,
    typer.Argument(help="A model: cnn, torchvision/resnet50, timm/NAME, hf/NAME, module:function."),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(help="A weight's name, pretrained, or a file; default: drawn at random."),
]
ImageSizeOption = Annotated[
    int | None, typer.Option(help="Side of the images in pixels; default: the network's own.")
]
KeptOption = Annotated[
    Path | None,
    typer.Option(help="Keep everything sealed in this folder; default: nothing is kept."),
]


def layers(
    model: ModelArgument,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layers",
            help="auto, all, last_hidden, a name, or a pattern such as layer*.0. Repeatable.",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="The same as --layers all.")] = False,
    tokens: Annotated[
        str, typer.Option(help="What is kept of tokens: flattened, mean or class.")
    ] = "flattened",
    weights: Annotated[
        str | None, typer.Option(help="Weights, where the network depends on them (its classes).")
    ] = None,
    image_size: ImageSizeOption = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Classes; default: 10 for our families, else 1000.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Print a network's layers, how deep each lies, and which a profile takes."""
    import json

    from sweep.models.survey import named_model, survey
    from sweep.report.layers_table import layers_json, print_layers

    config = named_model(model, weights=weights, image_size=image_size)
    selectors = [*(layer or []), *(["all"] if all_ else [])]
    found = survey(config, classes, selectors or ["auto"], tokens)
    if json_:
        typer.echo(json.dumps(layers_json(found), indent=1))
    else:
        print_layers(found, console())


def profile(
    model: ModelArgument,
    data: Annotated[
        str, typer.Option("--data", help="A data set: see `idsweep list datasets`.")
    ] = "digits",
    path: Annotated[str | None, typer.Option("--path", help="Where its files are.")] = None,
    weights: WeightsOption = None,
    num_samples: Annotated[
        int | None, typer.Option("--num-samples", min=8, help="Images to measure on.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layers", help="As `idsweep layers` names them. Repeatable."),
    ] = None,
    estimator: Annotated[
        list[str] | None, typer.Option(help="One of `idsweep list estimators`. Repeatable.")
    ] = None,
    image_size: ImageSizeOption = None,
    set_: SetOption = None,
    storage: KeptOption = None,
    png: Annotated[Path | None, typer.Option(help="Draw the profile into this file.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="All rows, as .parquet or .csv.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure one network's layers on a data set, without a sweep, and draw its profile."""
    import json

    from sweep.api import profile as measured
    from sweep.export import check_export, write_rows_to
    from sweep.report.picture import to_png
    from sweep.report.profile_table import draw_profile_of, print_profile
    from sweep.sealing import check_output, write_output

    if png is not None:
        check_output(png, ".png")
    if output is not None:
        check_export(output)
    given = {
        "measure.num_samples": num_samples,
        "measure.layers": layer,
        "analyses.intrinsic.estimators": estimator,
    }
    settings = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    try:
        found = measured(
            model,
            data=data,
            path=path,
            weights=weights,
            image_size=image_size,
            overrides=[*settings, *(set_ or [])],
            storage=storage,
            progress=progress(err=True),
        )
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if png is not None:
        write_output(png, to_png(draw_profile_of(found)))
    if output is not None:
        write_rows_to(output, found.rows)
    if json_:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    print_profile(found, console())
    for name, file in (("picture", png), ("rows", output)):
        if file is not None:
            typer.echo(f"{name}: {file}")


def dissect(
    model: ModelArgument,
    data: Annotated[
        str, typer.Option("--data", help="Images with labelled concepts: concepts, or broden.")
    ] = "concepts",
    path: Annotated[
        str | None, typer.Option("--path", help="For broden: a folder in its format.")
    ] = None,
    weights: WeightsOption = None,
    num_images: Annotated[
        int | None, typer.Option("--num-images", min=1, help="Images to probe with.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option("--layers", help="As `idsweep layers` names them. Repeatable."),
    ] = None,
    image_size: ImageSizeOption = None,
    set_: SetOption = None,
    storage: KeptOption = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the page of its units into this file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The table of its units, as .parquet.")
    ] = None,
) -> None:
    """Say which unit of a network detects which concept, on images with labels."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    from sweep.api import dissect as dissected
    from sweep.report.units_table import print_dissection
    from sweep.sealing import check_output, write_output

    if html is not None:
        check_output(html, ".html")
    if output is not None:
        check_output(output, ".parquet")
    given = {"analyses.dissection.num_images": num_images, "measure.layers": layer}
    settings = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    try:
        found = dissected(
            model,
            data=data,
            path=path,
            weights=weights,
            image_size=image_size,
            overrides=[*settings, *(set_ or [])],
            storage=storage,
            progress=progress(err=True),
        )
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if html is not None:
        write_output(html, found.page.encode())
    if output is not None:
        sink = pa.BufferOutputStream()
        pq.write_table(found.units, sink)
        write_output(output, sink.getvalue().to_pybytes())
    print_dissection(found, console())
    for name, file in (("page", html), ("units", output)):
        if file is not None:
            typer.echo(f"{name}: {file}")


def kernels(
    model: ModelArgument,
    data: Annotated[
        str,
        typer.Option("--data", help="What the network is made for: size of images, classes."),
    ] = "digits",
    path: Annotated[str | None, typer.Option("--path", help="Where its files are.")] = None,
    weights: WeightsOption = None,
    image_size: ImageSizeOption = None,
    set_: SetOption = None,
    storage: KeptOption = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the page of its kernels into this file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The table of its kernels, as .parquet.")
    ] = None,
) -> None:
    """Say which known patterns a network's depthwise kernels resemble, beside chance.

    A network without any is told so, with exit code 0; then no page is written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sweep.api import kernels as fitted
    from sweep.report.kernels_table import print_kernels
    from sweep.sealing import check_output, write_output

    if html is not None:
        check_output(html, ".html")
    if output is not None:
        check_output(output, ".parquet")
    try:
        found = fitted(
            model,
            data=data,
            path=path,
            weights=weights,
            image_size=image_size,
            overrides=set_ or [],
            storage=storage,
            progress=progress(err=True),
        )
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    print_kernels(found, console())
    if html is not None and found.table.num_rows:
        write_output(html, found.page.encode())
        typer.echo(f"page: {html}")
    if output is not None:
        sink = pa.BufferOutputStream()
        pq.write_table(found.table, sink)
        write_output(output, sink.getvalue().to_pybytes())
        typer.echo(f"kernels: {output}")
