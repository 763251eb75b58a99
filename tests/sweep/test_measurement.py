"""The one currency goes to Parquet and back."""

import math

from hypothesis import given
from hypothesis import strategies as st

from sweep.measurement import Measurement, from_table, last_hidden, read_rows, to_table, write_rows

finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(
    Measurement,
    trial=st.text(max_size=5),
    checkpoint=finite,
    analysis=st.sampled_from(["intrinsic", "linear"]),
    quantity=st.text(max_size=8),
    value=finite,
    layer=st.text(max_size=8),
    layer_index=st.none() | st.integers(0, 1000),
    relative_depth=st.none() | finite,
    low=st.none() | finite,
    num_samples=st.none() | st.integers(0, 10**9),
    settings=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3),
)


@given(st.lists(rows, max_size=5))
def test_rows_come_back_as_they_were(measurements):
    assert from_table(to_table(measurements)) == measurements


def test_equal_rows_give_equal_bytes(tmp_path):
    row = Measurement("t", 1.0, "a", "q", math.nan, settings={"b": 1, "a": 2})
    twin = Measurement("t", 1.0, "a", "q", math.nan, settings={"a": 2, "b": 1})
    write_rows(tmp_path / "1", [row])
    write_rows(tmp_path / "2", [twin])
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert math.isnan(read_rows(tmp_path / "1")[0].value)


def test_the_last_hidden_layer_is_told_by_a_row():
    rows = [
        Measurement("t", 2.0, "network", "last_hidden", 3.0, layer="pool", layer_index=3),
        Measurement("t", 2.0, "network", "num_parameters", 9.0),
    ]
    assert last_hidden(rows) == {("t", 2.0): 3}
