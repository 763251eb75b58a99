"""Every file that idsweep owns, named in one place.

<storage>/
|- storage.json              which version of the schema wrote this storage, and its id
|- mlflow.db, mlflow-artifacts/    the embedded MLflow store (mlflow.db-wal, -shm while open)
|- data/<data key>/          sealed Arrow partitions, shared by all sweeps
|- sweeps/<sweep name>/
|  |- sweep.yaml, sweep.json    the file as given; as understood, with its trials
|  |- lock                   held by the driver while it lives
|  |- trials/<trial key>/
|  |  |- checkpoint-<epoch>/    sealed: weights, training history
|  |  |- state-<epoch>/         sealed: a member of a population in training, until all are trained
|  |  |- measured-<epoch>/<analysis>-<settings key>/    sealed: measurement rows
|  |  |- activations-<epoch>/<settings key>/    while measuring, or kept: plan/, pass-0/part-0003/
|  |  |- scratch-<epoch>/<settings key>/    while measuring: rows and tiles of single layers
|  |  |- stopped.json        at which epoch the trial was stopped early, and by whom
|  |  `- failure.json        why the trial has none (removed once it has)
|  |- populations/<population key>/exploits-<epoch>.json    who took over whose weights
|  |- report.html, regression.json
|  |- kernels.html, clustered/<key>/    of depthwise kernels, and their clusters, sealed
|  |- reported.json          of what the report was made, so that none is made twice
|  |- overview.png, profiles.png, dynamics.png, published.png, regression.png
|  |- figures/               what `idsweep figures` drew
|  |- tracking.json         where it was tracked last, if elsewhere than here
|  |- claims.csv, claims.json, claims.png    what the sweep was asked to show
|  `- tune/                  Ray Tune's scratch; never read
`- suites/<suite name>/
   |- suite.yaml             the file as given
   `- report.html, claims.csv, claims.json, claims.png    of its sweeps together
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.errors import UserError
from sweep.sealing import TEMPORARY_PREFIX, write_file

SCHEMA_VERSION = 1
MARKER = "storage.json"
DEFAULT_STORAGE = "idsweep-results"
PROBE_PREFIX = ".idsweep-probe-"


@dataclass(frozen=True)
class ActivationPaths:
    """The activations of one checkpoint on disk: a cache, deletable at any time."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "plan"

    def of_pass(self, number: int) -> Path:
        return self.folder / f"pass-{number}"

    def part(self, pass_number: int, number: int) -> Path:
        return self.of_pass(pass_number) / f"part-{number:04d}"


@dataclass(frozen=True)
class ScratchPaths:
    """What units of work hand to each other while one checkpoint is measured."""

    folder: Path

    @property
    def network(self) -> Path:
        return self.folder / "network"

    def layer(self, index: int) -> Path:
        return self.folder / f"layer-{index:04d}"

    def tile(self, index: int, rows: int, columns: int) -> Path:
        return self.folder / f"tile-{index:04d}-{rows:04d}-{columns:04d}"

    def count(self, analysis: str, number: int, part: int) -> Path:
        return self.folder / f"count-{analysis}-{number}-{part:04d}"


@dataclass(frozen=True)
class TrialPaths:
    """The files of one trial. remote: their place in a bucket, or ""."""

    folder: Path
    remote: str = ""

    @property
    def in_words(self) -> str:
        """Where they are, for one who is to delete them."""
        return f"{self.folder} and {self.remote}" if self.remote else str(self.folder)

    @property
    def failure(self) -> Path:
        return self.folder / "failure.json"

    @property
    def stopped(self) -> Path:
        return self.folder / "stopped.json"

    def watch(self, work: str) -> Path:
        """Where a process that hung leaves where it stood; temporary."""
        return self.folder / f"{TEMPORARY_PREFIX}watch-{work}"

    def checkpoint(self, epoch: float) -> Path:
        return self.folder / f"checkpoint-{_epoch(epoch)}"

    def state(self, epoch: float) -> Path:
        return self.folder / f"state-{_epoch(epoch)}"

    def activations(self, epoch: float, settings_key: str) -> ActivationPaths:
        return ActivationPaths(self.folder / f"activations-{_epoch(epoch)}" / settings_key)

    def scratch(self, epoch: float, settings_key: str) -> ScratchPaths:
        return ScratchPaths(self.folder / f"scratch-{_epoch(epoch)}" / settings_key)

    def measured(self, epoch: float, analysis: str, settings_key: str) -> Path:
        return self.folder / f"measured-{_epoch(epoch)}" / f"{analysis}-{settings_key}"


@dataclass(frozen=True)
class ClaimPaths:
    """What a sweep or a suite was asked to show, and what came out."""

    folder: Path

    @property
    def table(self) -> Path:
        return self.folder / "claims.csv"

    @property
    def record(self) -> Path:
        return self.folder / "claims.json"

    @property
    def picture(self) -> Path:
        return self.folder / "claims.png"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.table, self.record, self.picture


@dataclass(frozen=True)
class SuitePaths:
    """The files of several sweeps together."""

    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "suite.yaml"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def claims(self) -> ClaimPaths:
        return ClaimPaths(self.folder)


@dataclass(frozen=True)
class SweepPaths:
    """The files of one sweep. remote: their place in a bucket, or ""."""

    folder: Path
    remote: str = ""

    @property
    def claims(self) -> ClaimPaths:
        return ClaimPaths(self.folder)

    @property
    def source(self) -> Path:
        return self.folder / "sweep.yaml"

    @property
    def plan(self) -> Path:
        return self.folder / "sweep.json"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    def picture(self, name: str) -> Path:
        """A picture drawn with every report."""
        return self.folder / f"{name}.png"

    @property
    def units(self) -> Path:
        """The pages of dissected networks."""
        return self.folder / "units"

    @property
    def kernels(self) -> Path:
        """The page of depthwise kernels."""
        return self.folder / "kernels.html"

    @property
    def clustered(self) -> Path:
        """Clusters of kernels by a digest of these: a page made again reads them."""
        return self.folder / "clustered"

    @property
    def figures(self) -> Path:
        """Where `idsweep figures` puts them, unless told otherwise."""
        return self.folder / "figures"

    @property
    def regression(self) -> Path:
        return self.folder / "regression.json"

    @property
    def reported(self) -> Path:
        return self.folder / "reported.json"

    @property
    def tracking(self) -> Path:
        return self.folder / "tracking.json"

    @property
    def tune(self) -> Path:
        return self.folder / "tune"

    def exchanges(self, population: str) -> Path:
        return self.folder / "populations" / population

    def exploits(self, population: str, epoch: float) -> Path:
        return self.exchanges(population) / f"exploits-{_epoch(epoch)}.json"

    @property
    def trials(self) -> Path:
        """The folder of all trials' own."""
        return self.folder / "trials"

    def trial(self, key: str) -> TrialPaths:
        remote = self.remote and f"{self.remote}/trials/{key}"
        return TrialPaths(self.trials / key, remote)


@dataclass(frozen=True)
class Storage:
    """The folder that holds data, sweeps and the embedded MLflow store. Always absolute.

    remote: the URI of a bucket that the folder mirrors; "": the folder is all there is.
    """

    folder: Path
    remote: str = ""

    @property
    def tracking_file(self) -> Path:
        return self.folder / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.tracking_file}"

    @property
    def artifacts(self) -> Path:
        return self.folder / "mlflow-artifacts"

    def data(self, key: str) -> Path:
        return self.folder / "data" / key

    def sweep(self, name: str) -> SweepPaths:
        return SweepPaths(
            self.folder / "sweeps" / name, self.remote and f"{self.remote}/sweeps/{name}"
        )

    def suite(self, name: str) -> SuitePaths:
        return SuitePaths(self.folder / "suites" / name)

    def suite_names(self) -> list[str]:
        """Names of the suites that were run in this storage."""
        return sorted(path.parent.name for path in self.folder.glob("suites/*/suite.yaml"))

    def sweep_names(self) -> list[str]:
        """Names of the sweeps that were run in this storage."""
        return sorted(path.parent.name for path in self.folder.glob("sweeps/*/sweep.json"))


def open_storage(folder: str | Path, *, create: bool) -> Storage:
    """The storage at `folder`, or in a bucket, checked: same schema and, with `create`, writable.

    Raises UserError if another version wrote it, if it can't be written (with `create`)
    or if it isn't there (without).
    """
    if "://" in str(folder):
        from sweep.remote import open_bucket

        return open_bucket(str(folder), create=create)
    storage = Storage(Path(os.path.abspath(Path(folder).expanduser())))
    try:
        _check(storage, create)
    except OSError as error:
        raise UserError(
            f"storage {storage.folder} can't be used ({error.strerror}): "
            "choose another folder with --storage"
        ) from error
    return storage


def _check(storage: Storage, create: bool) -> None:
    marker = storage.folder / MARKER
    if marker.is_file():
        try:
            text = marker.read_text()
        except OSError as error:
            raise UserError(f"{marker} can't be read ({error}): is this a storage?") from error
        read_marker(text, storage.folder)
    elif not create:
        raise UserError(f"there is no idsweep storage at {storage.folder}: run a sweep first")
    elif storage.folder.is_dir() and any(map(_is_foreign, storage.folder.iterdir())):
        raise UserError(
            f"{storage.folder} is not an idsweep storage and not empty: "
            "choose another folder with --storage"
        )
    if create:
        _check_writable(storage.folder)


def claim_storage(storage: Storage) -> None:
    """Create the storage folder and mark it: version of the schema, and an id of its own."""
    storage.folder.mkdir(parents=True, exist_ok=True)
    if storage.remote:
        from sweep.remote import claim_bucket

        claim_bucket(storage)
    elif not storage_id(storage):  # early storages have none
        marker = {"schema": SCHEMA_VERSION, "id": uuid.uuid4().hex}
        write_file(storage.folder / MARKER, json.dumps(marker) + "\n")


def storage_id(storage: Storage) -> str:
    """What tells this storage from another that lies at the same path elsewhere; "": nothing."""
    try:
        return str(json.loads((storage.folder / MARKER).read_text()).get("id", ""))
    except FileNotFoundError:
        return ""


def _is_foreign(path: Path) -> bool:
    """Whether a file is no leftover of a killed idsweep."""
    return not path.name.startswith((TEMPORARY_PREFIX, PROBE_PREFIX))


def read_marker(text: str, where: object) -> dict[str, Any]:
    """What a storage's marker says. Raises UserError if it can't be read or has another schema."""
    try:
        found: dict[str, Any] = json.loads(text)
        schema = found["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where}/{MARKER} can't be read ({error}): is this a storage?") from error
    if schema != SCHEMA_VERSION:
        raise UserError(
            f"storage {where} has schema {schema}, but this idsweep writes schema "
            f"{SCHEMA_VERSION}: choose another folder with --storage, or that version of idsweep"
        )
    return found


def _check_writable(folder: Path) -> None:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise UserError(f"storage {folder} can't be made: {existing} is not a folder")
    try:
        # A file system may refuse where the mode bits allow (read-only mounts, root), so try.
        probe = existing / f"{PROBE_PREFIX}{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"storage {folder} must be writable, but {existing} refuses "
            f"({error.strerror}): choose another folder with --storage"
        ) from error


def _epoch(epoch: float) -> str:
    return f"{epoch:07.2f}"
