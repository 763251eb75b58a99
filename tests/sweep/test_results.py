"""Sealed rows read back, summed up and exported."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.export import export_rows
from sweep.measurement import SCHEMA, Measurement
from sweep.results import load_results, settle_regression, trials_table
from sweep.scalars import scalars


def layer(index, depth, value, quantity="id/twonn"):
    return Measurement(
        "t", 1.0, "a", quantity, value, layer=str(index), layer_index=index,
        relative_depth=depth, low=value - 1, high=value + 1,
    )  # fmt: skip


ROWS = [
    Measurement("t", 1.0, "network", "last_hidden", 2.0, layer="2", layer_index=2),
    Measurement("t", 1.0, "accuracy", "test_accuracy", 0.9, low=0.8, high=0.95),
    Measurement("t", 1.0, "accuracy", "broken", float("nan")),
    layer(0, 0.0, 50.0),
    layer(1, 0.4, 20.0),
    layer(2, 0.8, 7.0),
    layer(3, 1.0, 30.0),
]


def test_scalars_sum_a_profile_up():
    found = scalars(ROWS)
    assert found["test_accuracy"].low == 0.8
    assert found["id_last_hidden/twonn"].value == 7
    assert (found["id_last_hidden/twonn"].low, found["id_last_hidden/twonn"].high) == (6, 8)
    # The peak lies between the input and the output.
    assert found["id_peak/twonn"].value == 20
    assert found["id_peak_depth/twonn"].value == 0.4
    assert set(found) == {
        "test_accuracy", "id_last_hidden/twonn", "id_peak/twonn", "id_peak_depth/twonn"
    }  # fmt: skip


def test_table_has_a_line_per_trial(finished):
    table = trials_table(finished.results.results)
    assert len(table) == 24  # 16 trained, 8 untrained
    assert table["trial"].is_monotonic_increasing
    assert {"name", "role", "model.width", "test_accuracy", "id_last_hidden/twonn"} <= set(table)
    assert table["id_last_hidden/twonn"].notna().all()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_export_holds_every_row(finished, tmp_path, suffix):
    storage = finished.results.work.storage
    output = tmp_path / f"rows{suffix}"
    count = export_rows(storage, "tiny", output)
    table = pd.read_parquet(output) if suffix == ".parquet" else pd.read_csv(output)
    assert len(table) == count == sum(len(r.rows) for r in finished.results.results)
    assert list(table) == SCHEMA.names
    again = tmp_path / f"again{suffix}"
    export_rows(storage, "tiny", again)
    assert again.read_bytes() == output.read_bytes()


def test_exported_schema_is_the_measurement(finished, tmp_path):
    export_rows(finished.results.work.storage, "tiny", tmp_path / "rows.parquet")
    assert pq.read_schema(tmp_path / "rows.parquet").equals(SCHEMA)


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("tiny", "rows.txt", r"end in .parquet or .csv"),
        ("tiny", "nowhere/rows.csv", "does not exist: make it first"),
        ("tiny", "/proc/rows.csv", "can't be written"),
        ("tini", "rows.csv", "no sweep 'tini' .*there is: tiny"),
    ],
)
def test_export_refuses(finished, tmp_path, name, output, message):
    with pytest.raises(UserError, match=message):
        export_rows(finished.results.work.storage, name, tmp_path / output)
    assert list(tmp_path.iterdir()) == []


def test_loading_reads_the_plan_and_the_source(finished):
    found = load_results(finished.results.work.storage, "tiny")
    assert [r.trial for r in found.results] == found.trials
    assert "name: tiny" in found.source
    assert found.work.config == finished.results.work.config


def test_regression_names_what_is_measured():
    def settled(**sections):
        return settle_regression(SweepConfig.model_validate({"name": "s", **sections})).predictors

    assert settled()[0] == "id_last_hidden/twonn"
    assert settled(analyses={"intrinsic": None}) == [
        "pc_id_last_hidden", "participation_ratio_last_hidden",
        "participation_ratio_corrected_last_hidden", "effective_rank_last_hidden",
        "rankme_last_hidden", "alpha_req_last_hidden", "pc_id_peak", "pc_id_slope",
        "num_parameters", "train_loss",
    ]  # fmt: skip
    with pytest.raises(UserError, match="did you mean 'id_last_hidden/twonn'"):
        settled(regression={"predictors": ["id_last_hidden/twon"]})
    with pytest.raises(UserError, match=r"regression\.response: .*'acuracy'"):
        settled(regression={"response": "acuracy"})
