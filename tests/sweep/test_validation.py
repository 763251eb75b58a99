"""`idsweep validate`: rows that repeat themselves, survive a stop, and are added up rightly."""

import csv
import dataclasses
import time

import numpy as np
import pytest

from estimators import ESTIMATORS, TwoNN, nearest_neighbors
from estimators.benchmark_manifolds import MANIFOLDS
from sweep import validation
from sweep.progress import SilentProgress
from sweep.report.validation_page import render_csv, render_markdown, score
from sweep.validation import CellStore, Pace, Sample, ValidationRow, validate
from tests.sweep.command_line import call

FEW = [MANIFOLDS["M7_Roll"], MANIFOLDS["M12_Norm"]]


def run(tmp_path, num_points=(60, 120), names=("twonn", "mle"), limit=60.0, progress=None):
    return validate(
        num_points, names, 2, limit, tmp_path / "cells", progress or SilentProgress(), FEW
    )


def without_seconds(rows):
    return [dataclasses.replace(row, seconds=None) for row in rows]


def test_rows_are_the_estimators_own_numbers(tmp_path):
    rows = run(tmp_path)
    assert len(rows) == 2 * 2 * 2 * 2
    row = next(
        row
        for row in rows
        if (row.manifold, row.num_points, row.repeat, row.estimator) == ("M7_Roll", 120, 1, "twonn")
    )
    points = Sample(MANIFOLDS["M7_Roll"], 120, 1).draw()
    expected = TwoNN().estimate(nearest_neighbors(points, 2))
    assert (row.value, row.low, row.high) == (expected.dimension, expected.low, expected.high)
    assert row.settings == expected.settings
    assert row.bias == pytest.approx(expected.dimension / 2 - 1)
    assert row.covers == (expected.low <= 2 <= expected.high)
    assert row.seconds > 0


def test_equal_arguments_give_equal_rows_and_samples_differ(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert without_seconds(first) == without_seconds(second)
    values = [row.value for row in first if row.estimator == "twonn"]
    assert len(set(values)) == len(values)


class Stop(SilentProgress):
    """Ctrl-C after some rows."""

    def __init__(self, rows):
        self.rows = rows

    def update(self):
        self.rows -= 1
        if self.rows == 0:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=Stop(5))
    measured = []
    original = validation.run_estimator

    def count(estimator, neighbors):
        measured.append(estimator.name)
        return original(estimator, neighbors)

    monkeypatch.setattr(validation, "run_estimator", count)
    rows = run(tmp_path)
    assert len(measured) == len(rows) - 5
    assert without_seconds(rows) == without_seconds(run(tmp_path / "undisturbed"))


def test_rows_of_other_code_or_settings_are_not_taken(tmp_path):
    sample = Sample(FEW[0], 60, 0)
    store = CellStore(tmp_path)
    store.write(sample, TwoNN(), sample.row(TwoNN(), value=1.0))
    assert store.read(sample, TwoNN()).value == 1.0
    assert store.read(sample, TwoNN(trim=0.2)) is None
    assert store.read(Sample(FEW[0], 60, 1), TwoNN()) is None
    changed = CellStore(tmp_path)
    changed._code = "other code"
    assert changed.read(sample, TwoNN()) is None


@dataclasses.dataclass(frozen=True)
class Slow(TwoNN):
    name = "slow"

    def estimate(self, neighbors):
        time.sleep(0.2)
        return super().estimate(neighbors)


def test_a_slow_estimator_is_left_out_and_holds_up_no_other(tmp_path, monkeypatch):
    monkeypatch.setitem(ESTIMATORS, "slow", Slow())
    rows = run(tmp_path, names=("slow", "twonn"), limit=0.1)
    slow = [row for row in rows if row.estimator == "slow"]
    assert [row.value is None for row in slow] == [False] * 2 + [True] * 6
    for row in slow[2:]:
        assert row.seconds is None
        assert "s at N = 60), over the limit of 0.1 s" in row.reason
    assert all(row.value is not None for row in rows if row.estimator == "twonn")


def pace_of(*seconds):
    pace = Pace(limit=10.0)
    for number in seconds:
        pace.note(ValidationRow("ball", 3, 3, 100, 0, "x", seconds=number))
    return pace


def test_pace_looks_ahead_in_proportion():
    pace = pace_of(4.0, 5.0)
    assert pace.too_slow("x", 100) == ""
    assert pace.too_slow("x", 250) == ""
    assert "at least 12 s a sample expected (it took 4 s at N = 100)" in pace.too_slow("x", 300)
    assert pace.too_slow("y", 300) == ""
    assert pace.too_slow("x", 50) == ""


def test_one_stall_leaves_nobody_out():
    assert pace_of(99.0).too_slow("x", 100) == ""
    assert pace_of(99.0, 1.0).too_slow("x", 100) == ""
    assert pace_of(1.0, 99.0, 1.0).too_slow("x", 100) == ""
    assert pace_of(11.0, 12.0, 1.0).too_slow("x", 100) != ""


def test_who_needs_more_points_has_the_reason(tmp_path):
    rows = run(tmp_path, num_points=(15,), names=("twonn", "mle"))
    reasons = {row.reason for row in rows if row.estimator == "mle"}
    assert all("neighbors of each point: bring more than" in reason for reason in reasons)
    assert all(row.value is not None for row in rows if row.estimator == "twonn")


ROWS = [
    ValidationRow("a", 2, 3, 100, 0, "x", 2.2, 0.2, 1.8, 2.6, 1.0),
    ValidationRow("b", 20, 30, 100, 0, "x", 10.0, 1.0, 8.0, 12.0, 2.0),
    ValidationRow("a", 2, 3, 100, 0, "y", reason="too few"),
    ValidationRow("b", 20, 30, 100, 0, "y", reason="too few"),
]


def test_scores_add_up():
    x, y = score(ROWS)
    assert (x.estimator, x.num_points, x.num_rows, x.num_none) == ("x", 100, 2, 0)
    assert x.bias == pytest.approx((0.1 + 0.5) / 2)
    assert x.low_bias == pytest.approx(0.1)
    assert x.covers == 0.5
    assert x.seconds == 3.0
    assert (y.bias, y.covers, y.num_none) == (None, None, 2)


def test_page_shows_values_coverage_and_what_is_missing():
    page = render_markdown(ROWS, 60.0, "rows.csv")
    assert "| a | 2 | 3 | **2.20** ± 0.4 | none |" in page
    assert "| b | 20 | 30 | 10.0 ± 2 | none |" in page
    assert "| x | 30.0% | 10.0% | 50.0% | 3.00 |  |" in page
    assert "- y, 2 of 2: too few" in page
    assert "[rows.csv](rows.csv)" in page


def test_csv_has_every_row():
    found = list(csv.DictReader(render_csv(ROWS).splitlines()))
    assert [row["reason"] for row in found] == ["", "", "too few", "too few"]
    assert float(found[1]["bias"]) == -0.5
    assert found[0]["covers"] == "True"
    assert found[2]["value"] == ""


def test_command_writes_the_page_and_removes_what_it_kept(capsys, tmp_path):
    page = tmp_path / "page.md"
    arguments = ["--num-points", "40,30", "--estimator", "twonn", "--output", page]
    code, output, _ = call(capsys, "validate", *arguments)
    assert code == 0
    assert "N = 30" in output
    assert f"written: {page}" in output.replace("\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.csv", "page.md"]
    with (tmp_path / "page.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(MANIFOLDS)
    for name in MANIFOLDS:
        assert page.read_text().count(f"| {name} |") == 2
    assert np.mean([float(row["value"]) > 0 for row in rows]) == 1


def test_command_stopped_keeps_what_is_done(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("sweep.commands.points.progress", lambda: Stop(3))
    page = tmp_path / "page.md"
    arguments = ["--num-points", "30", "--estimator", "twonn", "--output", page]
    code, _, error = call(capsys, "validate", *arguments)
    assert code == 130
    assert "what is done is kept" in error
    assert not page.exists()
    assert len(list((tmp_path / ".page-cells").iterdir())) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-points", "many"], "such as 500,2000,5000, but got 'many'"),
        (["--num-points", "500,1"], "at least 2"),
        (["--estimator", "twon"], "did you mean 'twonn'?"),
        (["--output", "page.html"], "must end in .md, but got 'page.html'"),
        (["--output", "nowhere/page.md"], "does not exist: make it first"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    code, _, error = call(capsys, "validate", *options)
    assert code == 2
    assert error.startswith("idsweep: ")
    assert error.count("\n") == 1
    assert message in error
    assert list((tmp_path / "docs").iterdir()) == []
