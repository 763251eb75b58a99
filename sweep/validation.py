"""Every estimator on manifolds of known dimension: how far off, how sure, how slow.

Legend: N points, d true dimension, D units.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np

import estimators as package
from estimators import Estimator, Neighbors
from estimators.benchmark_manifolds import MANIFOLDS, Manifold
from sweep.errors import UserError
from sweep.estimation import choose_estimators, neighbor_table, run_estimator
from sweep.progress import Progress, Status
from sweep.sealing import content_key, file_digest, remove_unfinished, write_file


@dataclass(frozen=True)
class ValidationRow:
    """One estimator on one sample.

    dimension: the true one. value, stderr, low, high: the estimate and its interval; None
        where there is none, and then `reason` says why.
    seconds: the estimator took, the neighbor table apart; None if it wasn't tried.
    """

    manifold: str
    dimension: int
    num_units: int
    num_points: int
    repeat: int
    estimator: str
    value: float | None = None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float | None = None
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bias(self) -> float | None:
        """Relative: 0.1 is 10% too high."""
        return None if self.value is None else self.value / self.dimension - 1

    @property
    def covers(self) -> bool | None:
        """Whether the interval holds the truth."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.dimension <= self.high


@dataclass(frozen=True)
class Sample:
    """Points of one manifold, the same wherever and whenever they are drawn."""

    manifold: Manifold
    num_points: int
    repeat: int

    def draw(self) -> Any:
        """(N, D) points."""
        name = zlib.crc32(self.manifold.name.encode())
        rng = np.random.default_rng([name, self.num_points, self.repeat])
        return self.manifold.sample(self.num_points, rng)

    def row(self, estimator: Estimator, **rest: Any) -> ValidationRow:
        """A row about this sample."""
        manifold = self.manifold
        return ValidationRow(
            manifold=manifold.name,
            dimension=manifold.dimension,
            num_units=manifold.num_units,
            num_points=self.num_points,
            repeat=self.repeat,
            estimator=estimator.name,
            **rest,
        )


def validate(
    num_points: Sequence[int],
    names: Sequence[str] | None,
    repeats: int,
    limit: float,
    cells: Path,
    progress: Progress,
    manifolds: Sequence[Manifold] = tuple(MANIFOLDS.values()),
) -> list[ValidationRow]:
    """Run estimators over samples of the manifolds, smaller samples first.

    names: of ESTIMATORS; None takes all. repeats: samples of each manifold and N.
    limit: seconds that an estimator may take on one sample: where it would take longer,
        going by the samples before, it is left out with that reason.
    cells: folder where each row is kept as soon as there is one. A run that was stopped
        goes on from there; the caller removes it at the end.

    Equal arguments give equal rows, but for the seconds and what they leave out.
    """
    chosen = choose_estimators(names if names is not None else ["all"])
    samples = [
        Sample(manifold, n, repeat)
        for n, manifold, repeat in product(sorted(set(num_points)), manifolds, range(repeats))
    ]
    store = CellStore(cells)
    remove_unfinished(cells)
    status = Status(total=len(samples) * len(chosen), skipped=0)
    pace = Pace(limit)
    rows = []
    progress.begin(status)
    try:
        for sample in samples:
            for row in _on_sample(sample, chosen, store, pace):
                rows.append(row)
                status.failed += row.value is None
                status.measured += row.value is not None
                outcome = "none" if row.value is None else f"{row.value:.2f}"
                where = f"{row.manifold} (d = {row.dimension}), N = {row.num_points}"
                status.newest = f"{row.estimator} on {where}: {outcome}"
                progress.update()
    finally:
        progress.end()
    return rows


def _on_sample(
    sample: Sample, chosen: Sequence[Estimator], store: CellStore, pace: Pace
) -> Iterator[ValidationRow]:
    @cache
    def table() -> Neighbors:
        # Of all estimators, so that each sees the same table however far a stopped run came.
        return neighbor_table(sample.draw(), chosen)

    for estimator in chosen:
        found = store.read(sample, estimator)
        if found is None:
            too_slow = pace.too_slow(estimator.name, sample.num_points)
            if too_slow:
                yield sample.row(estimator, reason=too_slow)
                continue
            found = _measure(sample, estimator, table)
            store.write(sample, estimator, found)
        pace.note(found)
        yield found


def _measure(sample: Sample, estimator: Estimator, table: Callable[[], Neighbors]) -> ValidationRow:
    outcome = run_estimator(estimator, table())
    found = outcome.estimate
    if found is None:
        return sample.row(estimator, seconds=outcome.seconds, reason=outcome.reason)
    return sample.row(
        estimator,
        value=found.dimension,
        stderr=found.stderr,
        low=found.low,
        high=found.high,
        seconds=outcome.seconds,
        settings=dict(found.settings),
    )


@dataclass
class Pace:
    """How long each estimator took, and whether that is too long.

    What counts is the lower median over at least two samples, so that one stall of a busy
    machine leaves nobody out.
    """

    limit: float
    seconds: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def note(self, row: ValidationRow) -> None:
        if row.seconds is not None:
            self.seconds.setdefault((row.estimator, row.num_points), []).append(row.seconds)

    def too_slow(self, estimator: str, num_points: int) -> str:
        """Why the estimator is left out at this N; "" if it isn't."""
        for (name, n), seconds in self.seconds.items():
            if name != estimator or n > num_points or len(seconds) < 2:
                continue
            typical = median_low(seconds)
            # At least in proportion to N: no estimator is faster than that.
            expected = typical * num_points / n
            if expected > self.limit:
                return (
                    f"left out: at least {expected:.3g} s a sample expected (it took "
                    f"{typical:.3g} s at N = {n}), over the limit of {self.limit:g} s"
                )
        return ""


class CellStore:
    """Rows on disk, each whole or absent, by all that fixes them.

    The code of the estimators is part of that: rows of older code are never mixed in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        sources = sorted(Path(str(package.__file__)).parent.glob("*.py"))
        self._code = content_key([file_digest(path) for path in sources])

    def read(self, sample: Sample, estimator: Estimator) -> ValidationRow | None:
        """The row, if there is one."""
        path = self._path(sample, estimator)
        return ValidationRow(**json.loads(path.read_text())) if path.is_file() else None

    def write(self, sample: Sample, estimator: Estimator, row: ValidationRow) -> None:
        """Keep the row."""
        write_file(self._path(sample, estimator), json.dumps(asdict(row)))

    def _path(self, sample: Sample, estimator: Estimator) -> Path:
        fixed = [self._code, version("torch"), repr(estimator)]
        where = [sample.manifold.name, sample.num_points, sample.repeat]
        return self._folder / f"{content_key([*fixed, *where])}.json"


def run_validation(
    output: Path,
    num_points: Sequence[int],
    names: Sequence[str] | None,
    repeats: int,
    limit: float,
    progress: Progress,
) -> list[ValidationRow]:
    """Validate, and write the Markdown page `output` and all rows as CSV beside it.

    Raises UserError, before any work, if the output can't be made or a name is unknown.
    """
    from sweep.report.validation_page import render_csv, render_markdown
    from sweep.sealing import check_output, write_output

    check_output(output, ".md")
    cells = output.parent / f".{output.stem}-cells"
    rows = validate(num_points, names, repeats, limit, cells, progress)
    write_output(output.with_suffix(".csv"), render_csv(rows))
    write_output(output, render_markdown(rows, limit, output.with_suffix(".csv").name))
    shutil.rmtree(cells, ignore_errors=True)
    return rows


def parse_counts(text: str) -> list[int]:
    """Numbers of points such as "500,2000,5000".

    >>> parse_counts("500, 2000")
    [500, 2000]
    """
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 2:
        raise UserError(
            f"numbers of points are whole, at least 2, such as 500,2000,5000, but got {text!r}"
        )
    return counts
