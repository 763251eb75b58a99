"""What commands share: arguments, options, and where they print.

Nothing heavy is imported at the top of any command: `idsweep --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sweep.paths import DEFAULT_STORAGE

if TYPE_CHECKING:
    from sweep.errors import ClusterLost
    from sweep.paths import Storage
    from sweep.progress import Progress

SweepArgument = Annotated[
    str, typer.Argument(help="A sweep or suite file, or the name of a ready one.")
]
NameArgument = Annotated[str, typer.Argument(help="A sweep that was run: its name, or its file.")]
StorageOption = Annotated[
    str,
    typer.Option("--storage", help="Folder of all results, or a bucket: s3://BUCKET/PREFIX."),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow; default: as given last for this sweep, else SQLite in the storage, which "
        "is also named `embedded`.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override any key: --set training.epochs=2. Repeatable."),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster, HOST:PORT or auto; default: start one here."),
]
DEFAULT = DEFAULT_STORAGE
INTERRUPTED = 130
LOST = 75  # as sysexits.h has it for what may well go when tried again


def end_lost(error: ClusterLost) -> NoReturn:
    """Say that the cluster is lost, and end: an ordinary end of Ray would wait for it."""
    typer.echo(f"idsweep: {error}", err=True)
    sys.stdout.flush()
    os._exit(LOST)


def console(err: bool = False) -> Any:
    """Standard output, or with `err` standard error, as rich prints to it."""
    from rich.console import Console

    # In a log nobody resizes the window: tables keep their natural width.
    terminal = (sys.stderr if err else sys.stdout).isatty()
    return Console(stderr=err) if terminal else Console(stderr=err, width=120)


def progress(err: bool = False) -> Progress:
    """On standard output, or with `err` on standard error, so that results can be piped."""
    from sweep.progress import LiveProgress, PlainProgress

    if (sys.stderr if err else sys.stdout).isatty():
        return LiveProgress(console(err))
    return PlainProgress(lambda line: typer.echo(line, err=err))


def existing(folder: str) -> Storage:
    """The storage at `folder`, which must be there."""
    from sweep.paths import open_storage

    return open_storage(folder, create=False)


def sweep_name(sweep: str, storage: Storage) -> str:
    """A sweep's name, given itself or the file it was run from."""
    from sweep.sweepfile import load_sweep

    if sweep in storage.sweep_names() or not Path(sweep).is_file():
        return sweep
    return load_sweep(sweep).config.name
