"""The runs of an experiment as they stand, each found again by what it is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sweep.tracking.store import TAG

# Raised when runs hold more than before, so that older ones are completed.
PROJECTION = "2"
ROWS, PROJECTED = TAG + "rows", TAG + "projection"


@dataclass(frozen=True)
class KnownRun:
    """A run that is there.

    digest: of the rows that it holds; None while it is not whole. timestamp: that of all its
    points, so that sending one again changes nothing. artifacts: URI of their folder.
    """

    run_id: str
    timestamp: int
    artifacts: str
    digest: str | None
    projection: str | None
    finished: bool

    def is_whole(self, digest: str) -> bool:
        """Whether it holds all of these rows, as they are projected now."""
        return self.digest == digest and self.projection == PROJECTION and self.finished


def know(run: Any) -> KnownRun:
    """What matters of an MLflow run."""
    tags = run.data.tags
    info = run.info
    return KnownRun(
        run_id=info.run_id,
        timestamp=info.start_time,
        artifacts=info.artifact_uri,
        digest=tags.get(ROWS),
        projection=tags.get(PROJECTED),
        finished=info.status == "FINISHED",
    )


def identity(run: Any) -> str:
    """What a run is of: a trial, a regression, or the sweep itself."""
    tags = run.data.tags
    for name in ("trial", "regression"):
        if TAG + name in tags:
            return f"{name}={tags[TAG + name]}"
    return str(tags.get(TAG + "role", _run_id(run)))


def _run_id(run: Any) -> str:
    return str(run.info.run_id)


def sort_doubles(runs: Iterable[Any]) -> tuple[dict[str, KnownRun], list[str]]:
    """Runs by identity, and the keys of those that are doubled and must go.

    A server may have made a run without its answer coming back, and was asked again. Of two,
    the whole one stays, else the one whose key is the least.
    """
    best: dict[str, KnownRun] = {}
    doubled = []
    for run in sorted(runs, key=_run_id):
        name, found = identity(run), know(run)
        other = best.get(name)
        if other is None:
            best[name] = found
        elif found.digest is not None and other.digest is None:
            best[name] = found
            doubled.append(other.run_id)
        else:
            doubled.append(found.run_id)
    return best, doubled
