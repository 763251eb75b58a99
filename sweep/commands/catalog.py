"""Commands on what a sweep file may hold."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.commands.options import (
    console,
)


def list_(
    what: Annotated[
        str, typer.Argument(help="models, datasets, estimators, sweeps or suites; default: all")
    ] = "all",
) -> None:
    """List what a sweep file can name."""
    from sweep.report.terminal import print_catalog

    print_catalog(what, console())


def schema() -> None:
    """Print the JSON schema of sweep files, for editors."""
    import json

    from sweep.config import SweepConfig

    typer.echo(json.dumps(SweepConfig.model_json_schema(), indent=1))
