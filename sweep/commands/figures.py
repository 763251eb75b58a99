"""The command that draws a sweep's figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.commands.options import DEFAULT, NameArgument, StorageOption, existing, sweep_name


def figures(
    sweep: NameArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder; default: figures beside the report."),
    ] = None,
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="png or svg; default: both. Repeatable.")
    ] = None,
    width: Annotated[
        float, typer.Option("--width", help="Inches; 7.2: two columns, 3.4: one.")
    ] = 7.2,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="One figure by name. Repeatable.")
    ] = None,
    storage: StorageOption = DEFAULT,
) -> None:
    """Draw the figures of a sweep for a paper: PNG at 300 dpi, SVG with text as text."""
    from sweep.drawing import draw_figures

    folder = existing(storage)
    drawn = draw_figures(
        folder,
        sweep_name(sweep, folder),
        folder=output,
        formats=format_ or ("png", "svg"),
        width=width,
        only=only or (),
        tell=lambda path: typer.echo(str(path)),
    )
    for name, wants in drawn.left_out.items():
        typer.echo(f"left out: {name}; it wants {wants}")
