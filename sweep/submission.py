"""Sending a sweep to a cluster as a job: what travels, what must be there, and what must not go."""

from __future__ import annotations

import io
import os
import re
import shlex
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sweep.errors import UserError
from sweep.jobs import NAME, STORAGE, SWEEPS, JobServer
from sweep.needs import needed
from sweep.secrets import has_password, hide_password
from sweep.suite import open_suite
from sweep.sweepfile import SweepFile, is_suite, load_sweep, ready_sweeps

# What a job needs and a dashboard shows: it is set where Ray is started.
SECRETS = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
DATE = (2020, 1, 1, 0, 0, 0)  # equal files make equal archives


@dataclass(frozen=True)
class Submission:
    """A job to be. files: text by the name in its folder. notes: what must be on the cluster."""

    name: str
    sweeps: tuple[str, ...]
    storage: str
    files: dict[str, str]
    entrypoint: str
    notes: tuple[str, ...]

    def package(self) -> bytes:
        """The files as a zip archive."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(self.files.items()):
                archive.writestr(zipfile.ZipInfo(name, DATE), text)
        return buffer.getvalue()

    def metadata(self) -> dict[str, str]:
        """What tells this job from others."""
        return {NAME: self.name, SWEEPS: ",".join(self.sweeps), STORAGE: self.storage}


def plan_submission(
    source: str, storage: str, tracking_uri: str | None, overrides: Sequence[str]
) -> Submission:
    """Read a sweep or suite and all that its job needs.

    storage: as the cluster sees it: an absolute path, or s3://... Raises UserError for a sweep
    that is wrong, for what the cluster could not find, and for a password in the open.
    """
    _check_storage(storage)
    for what, text in (("--tracking-uri", tracking_uri or ""), *(("--set", o) for o in overrides)):
        if has_password(text):
            raise UserError(
                f"{what}: what is submitted is shown by the dashboard, so a password must not be "
                "in it: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD where Ray is "
                "started on the head"
            )
    if is_suite(source):
        suite = open_suite(source, overrides)
        name, main, files = suite.config.name, "suite.yaml", {"suite.yaml": suite.text}
        sweeps = suite.sweeps
        files |= _members(suite.config.sweeps, source)
    else:
        file = load_sweep(source, overrides)
        name, main = file.config.name, "sweep.yaml"
        files, sweeps = {main: _text(file, overrides)}, [file]
    command = ["idsweep", "run", main, "--address", "auto", "--storage", storage]
    command += ["--tracking-uri", tracking_uri] if tracking_uri else []
    command += [word for override in overrides for word in ("--set", override)]
    return Submission(
        name=name,
        sweeps=tuple(sweep.config.name for sweep in sweeps),
        storage=storage,
        files=files,
        entrypoint=shlex.join(command),
        notes=(*_notes(sweeps), *_more_notes(tracking_uri)),
    )


def send_submission(server: JobServer, submission: Submission) -> str:
    """Start the job, and return its id; UserError if one of its sweeps is running there."""
    jobs = server.jobs()
    for job in jobs:
        both = job.sweeps & set(submission.sweeps)
        if job.running and job.storage == submission.storage and both:
            raise UserError(
                f"sweep {min(both)!r} is being run in {job.storage} by job {job.key} already: "
                f"follow it with `idsweep logs {job.key} --follow`"
            )
    prefix = f"idsweep-{submission.name}-"
    numbers = [job.key.removeprefix(prefix) for job in jobs if job.key.startswith(prefix)]
    latest = max((int(number) for number in numbers if number.isdigit()), default=0)
    # Of two that are submitted at once the cluster takes one: ids are unique there.
    key = f"{prefix}{latest + 1}"
    server.submit(key, submission.entrypoint, submission.package(), submission.metadata())
    return key


def _check_storage(storage: str) -> None:
    if re.match(r"s3://[^/@?]+", storage) and "@" not in storage and "?" not in storage:
        return
    if "://" in storage:
        raise UserError(
            f"--storage takes an absolute path or s3://BUCKET/..., not {hide_password(storage)!r}"
        )
    if not PurePosixPath(storage).is_absolute():
        raise UserError(
            f"--storage {storage}: a job runs in a folder of its own, so say where on the cluster: "
            "an absolute path that all nodes share, or s3://BUCKET/..."
        )


def _text(file: SweepFile, overrides: Sequence[str]) -> str:
    """The file as it was given; the overrides, kept as comments below it, are arguments."""
    notes = "".join(f"# --set {override}\n" for override in overrides)
    return file.text.removesuffix(notes) if notes else file.text


def _members(names: Iterable[str], suite: str) -> dict[str, str]:
    """The files of a suite's sweeps, by their path as the suite names it."""
    folder, files = Path(suite).parent, {}
    for name in names:
        if name in ready_sweeps():
            continue
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(
                f"{suite}: {name} is not below the suite's folder, so it can't travel with it: "
                "put it there"
            )
        files[str(path)] = (folder / name).read_text(encoding="utf-8")
    return files


def _notes(sweeps: Sequence[SweepFile]) -> list[str]:
    """What a sweep's job looks for on the cluster; UserError for what it can't find there."""
    found: dict[str, None] = {}
    for sweep in sweeps:
        path = sweep.config.data.path
        modules, files = needed(sweep.config)
        for key, local in (("data.path", path), *(("model.weights", file) for file in files)):
            # Settings hold paths as seen from here: one that the file doesn't hold was relative.
            if local and "://" not in local and not (local.startswith("/") and local in sweep.text):
                raise UserError(
                    f"{key}: {local} is so named from here only, and a job runs elsewhere: write "
                    "an absolute path that the cluster has"
                )
        if path and "://" not in path:
            found[f"data: {path} must be on the head"] = None
        found |= dict.fromkeys(f"weights: {file} must be on every node" for file in files)
        for module in modules:
            found[f"module: {module} must be importable on every node, and be the same"] = None
    return list(found)


def _more_notes(tracking_uri: str | None) -> list[str]:
    notes = [
        f"{name} is not sent, for the dashboard shows what is: set it where Ray is started"
        for name in SECRETS
        if os.environ.get(name)
    ]
    if re.match(r"https?://(127\.|localhost)", tracking_uri or ""):
        notes.append(f"MLflow: {tracking_uri} is meant as seen from the head")
    return notes
