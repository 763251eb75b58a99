"""Rows of single classes, and their mean beside them."""

import pytest

from sweep.measurement import Measurement
from sweep.measuring.classes import is_of_class, mean_over_classes, name_probe


def test_a_class_named_as_the_mean_stays_apart_from_it():
    names = ["cat", "classes", "classes'"]
    rows = []
    for value, name in enumerate(names):
        row = Measurement("t", 1.0, "intrinsic", "id/twonn", float(value), layer_index=0)
        rows += name_probe([row], name)
    (mean,) = mean_over_classes(rows, names)
    assert (mean.quantity, mean.value) == ("id/twonn@classes", pytest.approx(1))
    assert len({row.quantity for row in [*rows, mean]}) == 4
    assert all(is_of_class(row.quantity) for row in rows)
    assert not is_of_class(mean.quantity)
    assert not is_of_class("id/twonn")
