"""The command that puts networks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import DEFAULT, StorageOption, console


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(
            help="Two or more of: a sweep (digits), an architecture (digits/cnn), a network by "
            "name or key (digits/cnn-w16-d2-s0), any of these at an epoch (@5) or filtered "
            "(digits/cnn,width=16), in another storage (FOLDER:digits/cnn); or a folder of a "
            "storage, such as a checkpoint's.",
            metavar="A B...",
        ),
    ],
    storage: StorageOption = DEFAULT,
    quantity: Annotated[
        list[str] | None,
        typer.Option(help="What to compare, such as id/twonn; or all. Repeatable; default: main."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Of all sides only networks such as training.label_noise=0. Repeatable."),
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Each with each, instead of all with the first.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", "--page", help="Write a page, FILE.html.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw profiles and differences.")] = None,
    svg: Annotated[Path | None, typer.Option(help="The same as SVG.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare sweeps, architectures or checkpoints: what differs beyond noise.

    Trained networks, unless role=untrained is asked for. Nothing is measured or changed.
    """
    import json

    from sweep.api import compare as compared
    from sweep.report.compare_table import print_comparison
    from sweep.sealing import check_output, write_output

    for path, suffix in ((output, ".html"), (png, ".png"), (svg, ".svg")):
        if path is not None:
            check_output(path, suffix)
    found = compared(
        *sides, storage=storage, quantities=quantity or [], where=where or [], all_pairs=all_pairs
    )
    if output is not None:
        from sweep.report.compare_page import render_comparison

        write_output(output, render_comparison(found))
    for path in (png, svg):
        if path is not None:
            from sweep.report.compare_picture import draw_comparison, picture_bytes

            write_output(path, picture_bytes(draw_comparison(found), path.suffix))
    if json_:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return
    print_comparison(found, console())
    for what, path in (("page", output), ("picture", png), ("picture", svg)):
        if path is not None:
            typer.echo(f"{what}: {path}")
