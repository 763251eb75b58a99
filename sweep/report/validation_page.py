"""The validation as a Markdown page, as CSV, and as a table in the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from statistics import fmean

from rich.console import Console

from sweep.report.console import plain_table, say
from sweep.validation import ValidationRow

# Above about this dimension every estimator that counts neighbors comes out too low.
LOW_DIMENSION = 10
LIBRARIES = ("idsweep", "numpy", "scipy", "torch")


@dataclass(frozen=True)
class Score:
    """How an estimator did at one N, over all manifolds and repeats.

    bias: mean of |relative bias|; low_bias: of manifolds with d <= LOW_DIMENSION.
    covers: share of intervals that hold the truth. num_none: samples without an estimate.
    """

    estimator: str
    num_points: int
    bias: float | None
    low_bias: float | None
    covers: float | None
    seconds: float
    num_rows: int
    num_none: int


def score(rows: Sequence[ValidationRow]) -> list[Score]:
    """A score for each N and estimator, in the order of the rows."""
    scores = []
    for n, name in dict.fromkeys((row.num_points, row.estimator) for row in rows):
        mine = [row for row in rows if (row.num_points, row.estimator) == (n, name)]
        low = [row for row in mine if row.dimension <= LOW_DIMENSION]
        scores.append(
            Score(
                estimator=name,
                num_points=n,
                bias=_mean(abs(row.bias) for row in mine if row.bias is not None),
                low_bias=_mean(abs(row.bias) for row in low if row.bias is not None),
                covers=_mean(row.covers for row in mine if row.covers is not None),
                seconds=sum(row.seconds or 0.0 for row in mine),
                num_rows=len(mine),
                num_none=sum(row.value is None for row in mine),
            )
        )
    return scores


SCORE_COLUMNS = (
    "estimator",
    "mean \\|bias\\|",
    f"d <= {LOW_DIMENSION}",
    "covers",
    "seconds",
    "none",
)


def _cells(found: Score) -> list[str]:
    return [
        found.estimator,
        _percent(found.bias),
        _percent(found.low_bias),
        _percent(found.covers),
        f"{found.seconds:.2f}",
        f"{found.num_none} of {found.num_rows}" if found.num_none else "",
    ]


def print_scores(rows: Sequence[ValidationRow], console: Console) -> None:
    """A table of scores for each N."""
    scores = score(rows)
    for n in dict.fromkeys(found.num_points for found in scores):
        say(console, f"\nN = {n}")
        names = [name.replace("\\", "") for name in SCORE_COLUMNS]
        table = plain_table(*names, numeric=names[1:])
        for found in scores:
            if found.num_points == n:
                table.add_row(*_cells(found))
        console.print(table)


def render_markdown(rows: Sequence[ValidationRow], limit: float, csv_name: str) -> str:
    """The whole page: scores and values for each N, and what is missing."""
    repeats = len({row.repeat for row in rows})
    lines = [
        "# Estimators on manifolds of known dimension",
        "",
        f"Written by `idsweep validate`; every row, with its settings, is in [{csv_name}]"
        f"({csv_name}). The {len({row.manifold for row in rows})} manifolds are those of "
        "`estimators/benchmark_manifolds.py`; "
        f"{'one sample' if repeats == 1 else f'{repeats} samples'} of each, the same for all "
        "estimators, with one exact table of neighbors.",
        "",
        "Values are dimension ± half the 95% interval"
        f"{', means over the samples' if repeats > 1 else ''}; **bold**: the interval covers "
        f"the truth{' in at least half of them' if repeats > 1 else ''}. Intervals are for the "
        "sampling of points alone: where the bias is larger than they are, they don't cover. "
        "Bias is relative; seconds are totals over the manifolds, without the table of "
        f"neighbors. An estimator that needs more than {limit:g} s for a sample is left out.",
        "",
        ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".",
    ]
    scores = score(rows)
    for n in dict.fromkeys(row.num_points for row in rows):
        mine = [row for row in rows if row.num_points == n]
        lines += ["", f"## N = {n:,}", ""]
        lines += _table(SCORE_COLUMNS, [_cells(found) for found in scores if found.num_points == n])
        lines += ["", *_values(mine)]
        missing = Counter((row.estimator, row.reason) for row in mine if row.value is None)
        lines += [""] if missing else []
        lines += [
            f"- {name}, {count} of {len(mine) // len({row.estimator for row in mine})}: {reason}"
            for (name, reason), count in missing.items()
        ]
    return "\n".join(lines) + "\n"


def _values(rows: Sequence[ValidationRow]) -> list[str]:
    """Manifold by estimator."""
    names = list(dict.fromkeys(row.estimator for row in rows))
    table = []
    for manifold in dict.fromkeys(row.manifold for row in rows):
        mine = [row for row in rows if row.manifold == manifold]
        cells = [_value([row for row in mine if row.estimator == name]) for name in names]
        table.append([manifold, str(mine[0].dimension), str(mine[0].num_units), *cells])
    return _table(["manifold", "d", "D", *names], table)


def _value(rows: Sequence[ValidationRow]) -> str:
    found = [row for row in rows if row.value is not None]
    if not found:
        return "none"
    value = fmean(row.value or 0.0 for row in found)
    reach = fmean(((row.high or 0.0) - (row.low or 0.0)) / 2 for row in found)
    text = f"{value:.2f}" if value < 10 else f"{value:.1f}"
    covered = fmean(bool(row.covers) for row in found) >= 0.5
    return f"**{text}** ± {reach:.2g}" if covered else f"{text} ± {reach:.2g}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    marks = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows)]


def render_csv(rows: Sequence[ValidationRow]) -> str:
    """All rows, with relative bias and coverage."""
    text = io.StringIO()
    records = [
        asdict(row)
        | {"settings": json.dumps(dict(row.settings), sort_keys=True)}
        | {"bias": row.bias, "covers": row.covers}
        for row in rows
    ]
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
