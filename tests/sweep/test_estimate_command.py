"""`idsweep estimate`: the estimators' own numbers, and one line for a mistake."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from estimators import ESTIMATORS, EstimationError, TwoNN, nearest_neighbors
from estimators.gride import gride_scales
from estimators.manifolds import ball
from sweep import estimate
from sweep.errors import UserError
from sweep.estimation import FAST, choose_estimators, neighbor_table, run_estimator
from sweep.report.estimates import Bar, text_plot
from tests.sweep.command_line import call

POINTS = ball(400, 3, np.random.default_rng(0))


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "ball.npy", POINTS)
    return tmp_path / "ball.npy"


def test_prints_a_table_a_plot_and_how_to_read_them(capsys, file):
    code, output, _ = call(capsys, "estimate", file, "--estimator", "twonn", "--estimator", "mle")
    assert code == 0
    expected = TwoNN().estimate(nearest_neighbors(POINTS, 2))
    assert f"{file}: 400 points of 3 units" in output
    row = next(line for line in output.splitlines() if line.startswith("twonn "))
    assert row.split()[1:7] == [
        f"{expected.dimension:.2f}",
        f"[{expected.low:.2f},",
        f"{expected.high:.2f}]",
        "95%",
        "400",
        "0",
    ]
    for scale in gride_scales(nearest_neighbors(POINTS, 64)):
        assert f"{scale.settings['n1']:>4},{scale.settings['n2']:>4} neighbors" in output
    assert "  4 x     100 points" in output
    assert "how to read it" in output
    assert output.isascii()


def test_json_is_all_there_is_on_standard_output(capsys, file):
    code, output, _ = call(capsys, "estimate", file, "--json", "--estimator", "twonn")
    assert code == 0
    found = json.loads(output)
    expected = TwoNN().estimate(nearest_neighbors(POINTS, 2))
    (outcome,) = found["outcomes"]
    assert outcome["dimension"] == expected.dimension
    assert outcome["settings"] == expected.settings
    assert (found["num_points"], found["num_units"]) == (400, 3)
    assert [block["num_points"] for block in found["blocks"]] == [400, 200, 133, 100]
    assert found["scales"][0]["settings"]["n2"] == 2


def test_draws_a_picture(capsys, file, tmp_path):
    code, output, _ = call(capsys, "estimate", file, "--png", tmp_path / "ball.png")
    assert code == 0
    assert f"picture: {tmp_path / 'ball.png'}" in output
    assert (tmp_path / "ball.png").read_bytes().startswith(b"\x89PNG")


def test_the_default_is_fast_and_all_is_all():
    assert [estimator.name for estimator in choose_estimators(None)] == list(FAST)
    assert choose_estimators(["all"]) == list(ESTIMATORS.values())
    assert choose_estimators(["twonn", "all"])[0] == TwoNN()
    assert choose_estimators(["twonn", "twonn"]) == [TwoNN()]


def test_python_takes_points_or_a_file(file):
    from_file, from_points = estimate(file, estimators=["twonn"]), estimate(POINTS.tolist())
    assert from_file.outcomes[0].estimate == from_points.outcomes[0].estimate
    assert from_points.source == "points"


def test_who_needs_more_points_says_so_and_stops_no_other(capsys, tmp_path):
    np.savetxt(tmp_path / "few.csv", POINTS[:15], delimiter=",")
    code, output, _ = call(capsys, "estimate", tmp_path / "few.csv", "--estimator", "all")
    assert code == 0
    assert "note: no header" in output
    assert any(line.startswith("twonn ") for line in output.splitlines())
    greedy = [e.name for e in ESTIMATORS.values() if e.num_neighbors > 14]
    for name in greedy:
        assert f"{name}: none: reads {ESTIMATORS[name].num_neighbors} neighbors" in output


def test_a_table_is_as_wide_as_the_points_allow():
    wide = SimpleNamespace(name="wide", num_neighbors=100)
    assert neighbor_table(POINTS, [TwoNN()]).num_neighbors == 2
    assert neighbor_table(POINTS, [TwoNN()], 64).num_neighbors == 64
    assert neighbor_table(POINTS, [TwoNN(), wide], 64).num_neighbors == 100
    assert neighbor_table(POINTS[:30], [TwoNN(), wide]).num_neighbors == 29


def test_whatever_goes_wrong_in_an_estimator_is_its_reason():
    def divide(neighbors):
        raise ZeroDivisionError("by nothing")

    def refuse(neighbors):
        raise EstimationError("too few")

    neighbors = nearest_neighbors(POINTS, 2)
    for method, reason in ((refuse, "too few"), (divide, "failed with ZeroDivisionError: by")):
        broken = SimpleNamespace(name="broken", num_neighbors=2, estimate=method)
        outcome = run_estimator(broken, neighbors)
        assert outcome.estimate is None
        assert outcome.reason.startswith(reason)
        assert outcome.seconds >= 0


def save(array):
    return lambda path: np.save(path, array)


@pytest.mark.parametrize(
    ("write", "options", "message"),
    [
        (lambda path: None, [], "No such file"),
        (save(np.full((40, 3), np.nan)), [], "120 values in 40 of 40 points are NaN"),
        (save(POINTS[:1]), [], "N=1"),
        (save(np.zeros((40, 3))), [], "40 have a duplicate"),
        (save(POINTS[:5]), ["--estimator", "twonn"], "at least 10 points"),
        (save(POINTS), ["--estimator", "twon"], "did you mean 'twonn'? allowed: all, twonn"),
        (save(POINTS), ["--png", "plot.pdf"], "must end in .png, but got 'plot.pdf'"),
        (save(POINTS), ["--png", "nowhere/plot.png"], "does not exist: make it first"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    capsys, tmp_path, monkeypatch, write, options, message
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.npy")
    code, output, error = call(capsys, "estimate", "p.npy", *options)
    assert code == 2
    assert error.splitlines()[-1].startswith("idsweep: ")
    assert message in error.splitlines()[-1]
    assert "Traceback" not in error + output


def test_python_raises_for_what_is_no_points():
    with pytest.raises(UserError, match="real numbers"):
        estimate([["a", "b"]] * 20)


class TestTextPlot:
    def test_ends_and_value_are_where_they_belong(self):
        lines = text_plot([Bar("x", 5.0, 0.0, 10.0), Bar("y", 9.0, 8.0, 10.0)], width=11)
        assert lines[0] == "x|----o----|"
        assert lines[1] == "y        |o|"
        assert lines[2] == " +----+----+"
        assert lines[3].split() == ["0", "5", "10"]

    def test_one_point_without_width_still_draws(self):
        assert "o" in text_plot([Bar("x", 2.0, 2.0, 2.0)])[0]
