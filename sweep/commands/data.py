"""Commands on data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sweep.commands.options import (
    DEFAULT,
    INTERRUPTED,
    SetOption,
    StorageOption,
    console,
    progress,
)

if TYPE_CHECKING:
    from sweep.config import DataConfig

DataOption = Annotated[
    str | None, typer.Option("--data", help="A data set: see `idsweep list datasets`.")
]
PathOption = Annotated[
    str | None, typer.Option("--path", help="Where its files are: sets data.path.")
]
STATUS_SECONDS = 0.2
# What a killed command left may be large; one at work adds a partition more often than this.
LEFTOVER_SECONDS = 3600.0


def prepare(
    sweep: Annotated[
        str | None, typer.Argument(help="A sweep file or ready sweep; or give --data.")
    ] = None,
    data: DataOption = None,
    path: PathOption = None,
    set_: SetOption = None,
    storage: StorageOption = DEFAULT,
    png: Annotated[
        Path | None, typer.Option(help="Draw 64 images with their labels into this file.")
    ] = None,
) -> None:
    """Check a data set's images and seal them, as `run` would; then say what is there."""
    import time

    from sweep.data.partitions import prepare_data, prepared_data
    from sweep.paths import claim_storage, open_storage
    from sweep.report.data_table import print_data
    from sweep.sealing import check_output, remove_unfinished, write_output

    if png is not None:
        check_output(png, ".png")
    config = data_config(sweep, data, path, set_ or [])
    folder = open_storage(storage, create=True)
    was_there = prepared_data(config, folder) is not None
    claim_storage(folder)
    remove_unfinished(folder.folder, older_than=LEFTOVER_SECONDS)
    began = time.monotonic()
    terminal = console()
    try:
        if terminal.is_terminal:
            with terminal.status(f"{config.name}: looking") as status:
                found = prepare_data(config, folder, _StatusLine(status), STATUS_SECONDS)
        else:
            found = prepare_data(config, folder, progress())
    except KeyboardInterrupt:
        typer.echo("stopped; nothing is kept: the same command begins anew", err=True)
        raise typer.Exit(INTERRUPTED) from None
    print_data(found, None if was_there else time.monotonic() - began, terminal)
    if png is not None:
        from sweep.report.contact_sheet import draw_contact_sheet
        from sweep.report.picture import to_png

        write_output(png, to_png(draw_contact_sheet(found)))
        typer.echo(f"picture: {png}")


def data_config(
    sweep: str | None, data: str | None, path: str | None, overrides: list[str]
) -> DataConfig:
    """The section `data` of a sweep, or of none, with what the options say instead.

    Raises UserError as a sweep file's reader does.
    """
    import json

    from sweep.data import DATASETS
    from sweep.errors import UserError
    from sweep.sweepfile import load_sweep

    if sweep is None and data is None and not any(o.startswith("data.name=") for o in overrides):
        raise UserError("say what to prepare: a sweep file, or --data with one of `idsweep list`")
    given = {"data.name": data, "data.path": path}
    settings = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    settings += overrides
    with_path = any(setting.startswith("data.path=") for setting in settings)
    if sweep is None and data in DATASETS and DATASETS[data].files and not with_path:
        raise UserError(f"--path: {data} needs {DATASETS[data].files}")
    # Without a sweep, a ready one lends the rest: only its section `data` is looked at.
    return load_sweep(sweep or "digits", settings).config.data


class _StatusLine:
    """Progress in a line that is written over."""

    def __init__(self, status: Any) -> None:
        self._status = status

    def note(self, text: str) -> None:
        self._status.update(text)
