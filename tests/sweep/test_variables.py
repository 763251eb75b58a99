"""Numbers by name: scalars, settings, history, layers, logarithms; and what is misspelt."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.regression.variables import layer_value, layers_asked, parse_variable, read_column

TABLE = pd.DataFrame(
    {
        "id_last_hidden/twonn": [1.0, 2.0, np.nan],
        "model.width": [8, 16, 32],
        "model.name": ["a", "b", "c"],
        "model.batch_norm": [True, False, True],
        "test_accuracy": [0.0, 0.5, 1.0],
    }
)


def profile(*values, names=("input", "layer1", "layer2", "fc")):
    return [
        Measurement("t", 1.0, "intrinsic", "id/twonn", value, layer=name, layer_index=number,
                    relative_depth=number / 3, low=value - 1, high=value + 1)
        for number, (name, value) in enumerate(zip(names, values, strict=True))
    ]  # fmt: skip


PROFILE = profile(3.0, 6.0, 9.0, 1.0)


@pytest.mark.parametrize(
    ("layer", "value"),
    [
        ("layer2", 9),
        ("0", 3),
        ("-1", 1),
        ("-2", 9),
        ("0.5", 7.5),  # between the two inner layers
        ("0.0", 3),
        ("1.0", 1),
    ],
)
def test_layers_by_name_position_and_depth(layer, value):
    found = layer_value(PROFILE[::-1], layer)  # in any order
    assert found == pytest.approx((value, value - 1, value + 1))


@pytest.mark.parametrize("layer", ["layer9", "4", "-5", "1.5"])
def test_what_a_network_lacks_is_missing(layer):
    assert layer_value(PROFILE, layer) is None


def test_a_name_comes_before_a_position():
    assert layer_value(profile(1, 2, 3, 4, names=("3", "2", "1", "0")), "3")[0] == 1


@given(st.floats(0, 1))
def test_between_layers_a_depth_lies_between_their_values(depth):
    value, low, high = layer_value(PROFILE, f"{depth:.6f}")
    assert 1 <= value <= 9
    assert (low, high) == pytest.approx((value - 1, value + 1))


def test_columns_are_read_with_their_logarithms():
    assert read_column(TABLE, "log(model.width)") == pytest.approx(np.log([8, 16, 32]))
    found = read_column(TABLE, "logit(test_accuracy)")
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("id_last_hiden/twonn", "did you mean 'id_last_hidden/twonn'"),
        ("log(model.widht)", "did you mean 'model.width'"),
        ("model.name", "'model.name' is no number"),
        ("model.batch_norm", "'model.batch_norm' is no number"),
        ("id/twonn[9]", "no trial has a layer '9' of 'id/twonn'"),
    ],
)
def test_misspelt_names_are_told_in_one_line(name, message):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        read_column(TABLE, name)
    assert "\n" not in str(error.value)


def test_each_layer_is_asked_for_once():
    names = ["id/twonn[0.5]", "log(id/twonn[0.5])", "model.width"]
    assert [one.name for one in layers_asked(names)] == ["id/twonn[0.5]"]
    assert parse_variable("id/twonn@a b[x]").quantity == "id/twonn@a b"
