"""Commands on a cluster: whether it is well, and sweeps that run on it as jobs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sweep.commands.options import (
    DEFAULT,
    AddressOption,
    SetOption,
    StorageOption,
    TrackingOption,
    console,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(
    sweep: Annotated[
        str | None, typer.Argument(help="Also whether this sweep or suite fits, and has its data.")
    ] = None,
    address: AddressOption = None,
    storage: StorageOption = DEFAULT,
    tracking_uri: TrackingOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Check a cluster, or this machine, within a minute: what is wrong, and the remedy.

    Nodes, versions, GPUs, storage, disks, memory, clocks, token, dashboard, MLflow. Nothing
    is kept. Exit code 1 if something fails.
    """
    from sweep.doctor import FAIL, examine

    diagnosis, hangs = examine(sweep, set_ or [], address, storage, tracking_uri)
    if json_:
        import json

        typer.echo(json.dumps(diagnosis.to_json(), indent=1))
    else:
        from sweep.report.doctor_table import print_diagnosis

        print_diagnosis(diagnosis, console())
    code = int(diagnosis.count(FAIL) > 0)
    if hangs:
        sys.stdout.flush()
        os._exit(code)  # an ordinary end would wait for what does not answer
    raise typer.Exit(code)
