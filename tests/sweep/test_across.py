"""Regressions from names: sweeps, MLflow experiments with filters, tables, published figures."""

import json
import shutil

import pandas as pd
import pytest

from sweep.api import regress
from sweep.errors import UserError
from sweep.regression import Regression
from sweep.results import trials_table
from sweep.tracking import connect
from sweep.tracking.reading import read_experiment
from tests.sweep.command_line import call

PUBLISHED = "published:ansuini2019_last_hidden"


@pytest.fixture
def uri(finished):
    return finished.results.work.storage.tracking_uri


@pytest.fixture
def folder(finished):
    return finished.results.work.storage.folder


def value(regression: Regression, scope, method="pearson"):
    return regression.find(regression.predictors[0], scope, method).value


def test_published_networks_give_the_published_correlations(tmp_path):
    """Figure 4 of Ansuini et al. 2019, and who carries it."""
    found = regress(PUBLISHED, storage=tmp_path / "none")
    assert found.regression.num_trials == 14
    assert value(found.regression, "all trials") == pytest.approx(0.943, abs=5e-4)
    assert value(found.regression, "family resnet") == pytest.approx(0.995, abs=5e-4)
    first = found.regression.influences[0].found
    assert (first.name, first.is_large) == ("alexnet", True)
    assert first.without == pytest.approx(0.876, abs=5e-4)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_ones_own_says_the_same(capsys, tmp_path):
    rows = ["# mine", "model,family,error,id"]
    published = pd.read_csv("sweep/published/ansuini2019_last_hidden.csv", comment="#")
    for row in published.itertuples():
        family = (
            "resnet" if row.network.startswith("resnet") else row.network.rstrip("_bn0123456789")
        )
        rows.append(f"{row.network},{family},{100 * row.response},{row.value}")
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(rows) + "\n")
    code, output, _ = call(
        capsys, "regress", "--table", path, "--response", "error", "--predictor", "id",
        "--figure", tmp_path / "mine.png", "--figure", tmp_path / "mine.svg",
    )  # fmt: skip
    assert code == 0
    assert "+0.943" in output
    assert "family resnet  +0.995" in output
    assert "alexnet carries much of it: leverage 0.63" in output
    assert "without it r = +0.876 instead of +0.943" in output
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert "alexnet" in (tmp_path / "mine.svg").read_text()


def test_an_experiment_reads_as_the_sealed_rows_do(finished, uri, folder, tmp_path):
    sealed = trials_table(finished.results.results).set_index("trial")
    read = read_experiment(uri, "tiny").table.set_index("trial")
    assert set(sealed) <= set(read)
    pd.testing.assert_frame_equal(read.loc[sealed.index, list(sealed)], sealed, check_dtype=False)
    here = regress("tiny", storage=folder, track=False).regression
    away = regress(
        "tiny", storage=tmp_path / "none", tracking_uri=uri, track=False, resamples=200
    ).regression
    assert away.num_trials == here.num_trials == 16
    for row in here.correlations:
        other = away.find(row.predictor, row.scope, row.method)
        if other is not None:  # here the sweep file says which predictors there are
            assert other == row
    assert value(away, "all trials") == value(here, "all trials")


def test_errors_of_the_predictor_come_back_from_mlflow(folder):
    found = regress("tiny", storage=folder, track=False).regression
    known = {row.predictor for row in found.corrected if row.found.reliability is not None}
    assert "id_last_hidden/twonn" in known


def test_filters_are_those_of_mlflow(folder, uri):
    only = "params.`model.name` = 'mlp' and metrics.test_accuracy > 0"
    found = regress("tiny", storage=folder, filter_string=only, track=False)
    assert found.regression.num_trials == 8
    assert found.regression.chosen == only
    away = regress("tiny", storage=folder / "x", tracking_uri=uri, filter_string=only, track=False)
    assert away.regression.num_trials == 8
    where = regress("tiny", storage=folder, where=["model.name=mlp"], track=False).regression
    assert value(where, "all trials") == value(found.regression, "all trials")
    with pytest.raises(UserError, match=r"MLflow at .* failed .*Expected numeric value"):
        regress("tiny", storage=folder, filter_string="metrics.x > 'a'", track=False)


def test_reading_goes_on_over_pages(uri, monkeypatch):
    whole = read_experiment(uri, "tiny").table
    monkeypatch.setattr("sweep.tracking.store.RUNS_PER_PAGE", 5)
    pd.testing.assert_frame_equal(read_experiment(uri, "tiny").table, whole)


@pytest.mark.parametrize("layer", ["0.5", "-2", "input"])
def test_layers_are_alike_from_the_rows_and_from_mlflow(folder, uri, tmp_path, layer):
    asked = {
        "predictors": [f"id/twonn[{layer}]", "history/train_loss"],
        "resamples": 200,
        "track": False,
    }
    here = regress("tiny", storage=folder, **asked).regression
    away = regress("tiny", storage=tmp_path / "x", tracking_uri=uri, **asked).regression
    assert len(here.predictors) == 2
    # The dimension of the input is the same in all networks: that is said, not computed.
    assert here.correlations == away.correlations
    assert here.skipped == away.skipped
    if layer == "input":
        assert any("does not vary" in reason for reason in here.skipped)
    else:
        assert here.corrected == away.corrected


def test_a_regression_is_kept_as_a_run_once(finished, tmp_path):
    storage = finished.results.work.storage
    copy = tmp_path / "copy"
    shutil.copytree(storage.folder, copy)
    uri = f"sqlite:///{copy}/mlflow.db"
    asked = {"storage": tmp_path / "x", "tracking_uri": uri, "predictors": ["id_last_hidden/twonn"]}
    client = connect(uri)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    before = len(client.search_runs([experiment], max_results=1000))
    first = regress("tiny", **asked)
    again = regress("tiny", **asked)
    assert first.run == again.run
    runs = client.search_runs([experiment], max_results=1000)
    assert len(runs) == before + 1
    (run,) = [run for run in runs if run.info.run_id == first.run.split()[0]]
    assert run.data.params["predictors"] == "id_last_hidden/twonn"
    assert run.data.metrics["pearson"] == pytest.approx(value(first.regression, "all trials"))
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"regression.json", "correlations.csv", "regression.png", "regression.svg"} <= files


def test_without_mlflow_the_sealed_rows_are_taken_and_it_is_said(folder):
    found = regress("tiny", storage=folder, tracking_uri="http://127.0.0.1:9", track=True)
    assert found.source.startswith("the sealed measurements (MLflow does not answer")
    assert found.run == ""


def test_asking_makes_no_store(finished, folder, tmp_path):
    untracked = shutil.copytree(folder, tmp_path / "storage", ignore=shutil.ignore_patterns("mlf*"))
    found = regress("tiny", storage=untracked)
    assert found.source.startswith("the sealed measurements (there is no MLflow store")
    with pytest.raises(UserError, match="there is no MLflow store"):
        regress("tiny", storage=untracked, filter_string="metrics.test_accuracy > 0")
    with pytest.raises(UserError, match="there is no MLflow store"):
        regress("other", storage=untracked, tracking_uri=f"sqlite:///{tmp_path}/new/mlflow.db")
    assert not (tmp_path / "new").exists()
    assert not list(untracked.glob("mlflow*"))
    assert found.regression.correlations == finished.regression.correlations


def test_the_same_sweep_twice_is_one(folder, uri, finished, tmp_path):
    """Two experiments that share their networks count each once."""
    client = connect(uri)
    assert client.get_experiment_by_name("tiny") is not None
    once = regress("tiny", storage=folder, track=False).regression
    twice = regress(["tiny", "tiny"], storage=folder, track=False).regression
    assert once == twice


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tinny", "--tracking-uri", "URI"], "did you mean 'tiny'"),
        (["tiny", "--predictor", "id_last_hidden/twon"], "did you mean 'id_last_hidden/twonn'"),
        (["tiny", "--covariate", "num_parametrs"], "did you mean 'num_parameters'"),
        (["tiny", "--response", "id/twon[0.5]"], "did you mean 'id/twonn'"),
        (["tiny", "--where", "model.nam=mlp"], "did you mean 'model.name'"),
        (["tiny", "--where", "model.name=vit"], "no network is left; model.name is cnn, mlp"),
        (["tiny", "--resamples", "3"], "regression.resamples: "),
        (["published:ansuini2019_last_hiden"], "did you mean 'ansuini2019_last_hidden'"),
        (["published:ansuini2019_hunchbacks"], "holds profiles and no response"),
        ([], "name sweeps or experiments, or give a table"),
        (["--table", "none.csv"], "can't read none.csv"),
        (["--table", "none.csv", "--filter", "metrics.x > 0"], "--filter is of MLflow"),
        (["tiny", "--predictor", "log(test_accuracy)"], "is the response"),
        (["tiny", "--filter", "params.`model.name` = 'vit'"], "no trial of tiny is left by"),
    ],
)
def test_mistakes_are_one_line(capsys, uri, folder, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    arguments = [uri if text == "URI" else text for text in arguments]
    code, _, error = call(capsys, "regress", *arguments, "--storage", folder, "--no-track")
    assert code == 2, error
    assert message in error
    assert error.count("\n") == 1


NUMBERS = [(0.1, 2), (0.9, 3), (0.2, 5), (0.7, 4), (0.4, 9), (0.3, 1), (0.8, 2)]


def ask_table(path, header, rows, **asked):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    asked = {"response": "y", "predictors": ["x"], "resamples": 100, **asked}
    return regress(table=path, **asked).regression


def test_cells_of_a_table_may_be_missing_or_far_too_large(tmp_path):
    rows = [(f"n{n}", *pair) for n, pair in enumerate(NUMBERS)]
    usual = ask_table(tmp_path / "usual.csv", "name,x,y", rows)
    more = [*rows, ("a", "nan", 1), ("b", "", 1), ("c", "NA", 1), ("d", 1e300, 1), ("e", "inf", 1)]
    found = ask_table(tmp_path / "more.csv", "\ufeffname,x,y", more)
    assert found.correlations == usual.correlations
    assert {one.found.name for one in found.influences} <= {name for name, *_ in rows}
    assert ask_table(tmp_path / "twice.csv", "name,x,y", rows, predictors=["x", " x"]) == usual


def test_networks_without_a_family_are_of_an_unknown_one(tmp_path):
    rows = [("" if n % 2 else "a", *pair) for n, pair in enumerate(NUMBERS)]
    assert ask_table(tmp_path / "t.csv", "family,x,y", rows).families == ["a", "unknown"]
    named = [(*row, "cnn") for row in rows]
    found = ask_table(tmp_path / "t.csv", "family,x,y,model.name", named)
    assert found.families == ["a", "cnn"]


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        ("x,y,low:x", (0,), "low:x and high:x must both be there"),
        ("x,y,low:x,high:x", (0, "far"), "low:x and high:x must both be there, as numbers"),
        ("x,y,low:x,high:x", (2, 1), "low:x must be below high:x"),
        ("x,y,log(z)", (1,), r"may not be called 'log\(z\)'"),
        ("x;y;z", (), "is no table"),
    ],
)
def test_columns_that_make_no_sense_are_told(tmp_path, header, cells, message):
    with pytest.raises(UserError, match=message):
        ask_table(tmp_path / "t.csv", header, [(*pair, *cells) for pair in NUMBERS])


def test_json_has_everything(capsys, folder):
    code, output, _ = call(capsys, "regress", "tiny", "--json", "--no-track", "--storage", folder)
    assert code == 0
    found = json.loads(output)
    assert found["source"].startswith("MLflow at sqlite")
    assert {"correlations", "footing", "lines", "influences", "granulated"} <= set(found)


def test_full_prints_what_is_folded_otherwise(capsys, folder):
    arguments = ["regress", "tiny", "--no-track", "--storage", folder]
    _, short, _ = call(capsys, *arguments)
    _, long, _ = call(capsys, *arguments, "--full")
    assert "--full prints" in short
    assert "linear models:" in long
    assert "linear models:" not in short
    assert len(long) > 2 * len(short)
