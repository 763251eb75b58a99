"""The command line: every command by name; a user's mistake is one line. No logic."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from sweep.commands import (
    catalog,
    cluster,
    compare,
    data,
    figures,
    networks,
    points,
    prediction,
    regression,
    sweeps,
)
from sweep.commands.options import INTERRUPTED, end_lost
from sweep.secrets import hide_password, printable

app = typer.Typer(
    help="Sweep many networks, see how each one's representation folds and unfolds, "
    "and ask what that says about accuracy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (
    sweeps.run,
    sweeps.measure,
    sweeps.check,
    regression.regress,
    sweeps.claims,
    prediction.predict,
    compare.compare,
    sweeps.report,
    figures.figures,
    sweeps.track,
    sweeps.ui,
    sweeps.export,
    networks.layers,
    networks.profile,
    networks.dissect,
    networks.kernels,
    data.prepare,
    points.estimate,
    points.validate,
    cluster.submit,
    cluster.status,
    cluster.logs,
    cluster.cancel,
    cluster.doctor,
    catalog.list_,
    catalog.schema,
):
    app.command(command.__name__.rstrip("_"))(command)


def main() -> None:
    """Entry point: a user's mistake is one line and exit code 2; a stop, code 130."""
    with _one_line_errors(), _terminating():
        app()


@contextmanager
def _terminating() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: what is temporary is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not break off the cleaning
    raise KeyboardInterrupt


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        from sweep.errors import UserError

        if not isinstance(error, UserError):
            raise
        typer.echo(f"idsweep: {printable(hide_password(str(error)))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        from sweep.errors import ClusterLost

        if not isinstance(error, ClusterLost):
            raise
        end_lost(error)


if __name__ == "__main__":
    main()
