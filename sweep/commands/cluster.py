"""Commands on a cluster: whether it is well, and sweeps that run on it as jobs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sweep.commands.options import (
    DEFAULT,
    INTERRUPTED,
    AddressOption,
    SetOption,
    StorageOption,
    SweepArgument,
    TrackingOption,
    console,
    existing,
    sweep_name,
)

DASHBOARD = "http://127.0.0.1:8265"
ENV = "RAY_API_SERVER_ADDRESS"  # as Ray's own client calls it
WATCH_SECONDS = 5.0
JobsOption = Annotated[
    str,
    typer.Option(
        "--address",
        help="Of the cluster's dashboard, through a tunnel: ssh -L 8265:127.0.0.1:8265 HEAD.",
        envvar=ENV,
    ),
]
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


def submit(
    sweep: SweepArgument,
    storage: Annotated[
        str,
        typer.Option(
            help="Folder of all results as the cluster sees it: an absolute path that all nodes "
            "share, or s3://BUCKET/..."
        ),
    ],
    address: JobsOption = DASHBOARD,
    tracking_uri: TrackingOption = None,
    set_: SetOption = None,
) -> None:
    """Send a sweep or suite to a cluster as a job, which goes on without this machine.

    The file travels; data, weights and modules that it names must be there. Again after a job
    ended, however it did, goes on from what is sealed.
    """
    from sweep.jobs import JobServer
    from sweep.submission import plan_submission, send_submission

    submission = plan_submission(sweep, storage, tracking_uri, set_ or [])
    server = JobServer(address)
    key = send_submission(server, submission)
    typer.echo(f"job {key} at {server.address}: {submission.entrypoint}")
    for note in submission.notes:
        typer.echo(f"note: {note}")
    more = "" if address == DASHBOARD else f" --address {server.address}"
    typer.echo(f"follow: idsweep logs {key} --follow{more}")
    typer.echo(f"where it stands: idsweep status {key} --address {server.address}")
    typer.echo(f"end it: idsweep cancel {key}{more}")


def status(
    what: Annotated[
        str | None, typer.Argument(help="A sweep by name or file, or a job; default: all.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Of a cluster's dashboard: the jobs there too.", envvar=ENV),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Folder of all results, or s3://BUCKET/PREFIX; default: "
            f"{DEFAULT}, if it is there."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again and again, until nothing is running.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Where sweeps stand: trained, measured, failed and why; and the jobs of a cluster."""
    import json
    import time

    from sweep.jobs import JobServer
    from sweep.report.status_table import print_overview
    from sweep.status import overview

    folder = None
    if storage is not None or address is None or os.path.isdir(DEFAULT):
        folder = existing(storage or DEFAULT)
    name = sweep_name(what, folder) if what is not None and folder is not None else what
    server = None if address is None else JobServer(address)
    out = console()
    while True:
        found = overview(name, folder, server)
        if watch and out.is_terminal:
            out.clear()
        if json_:
            typer.echo(json.dumps(found.to_json(), indent=1))
        else:
            print_overview(found, out)
        if not (watch and found.running):
            return
        time.sleep(WATCH_SECONDS)


def logs(
    what: Annotated[str, typer.Argument(help="A job, or a sweep whose newest job is meant.")],
    address: JobsOption = DASHBOARD,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves it be.")
    ] = False,
) -> None:
    """Print what a job has printed. With --follow, exit code 1 if the job fails."""
    from sweep.jobs import JobServer

    server = JobServer(address)
    job = server.find(what)
    if not follow:
        typer.echo(server.logs(job.key), nl=False)
        return
    try:
        for text in server.follow(job.key):
            typer.echo(text, nl=False)
    except KeyboardInterrupt:
        typer.echo(f"job {job.key} goes on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    job = server.job(job.key)
    typer.echo(f"job {job.key}: {job.status.lower()}", err=True)
    raise typer.Exit(int(job.status != "SUCCEEDED"))


def cancel(
    what: Annotated[str, typer.Argument(help="A job, or a sweep whose newest job is meant.")],
    address: JobsOption = DASHBOARD,
) -> None:
    """End a job; what is sealed is kept, and the same `submit` goes on from there."""
    from sweep.jobs import JobServer

    server = JobServer(address)
    job = server.find(what)
    if job.running and server.stop(job.key):
        typer.echo(f"job {job.key} is told to end")
    else:
        typer.echo(f"job {job.key} was not running: {job.status.lower()}")
