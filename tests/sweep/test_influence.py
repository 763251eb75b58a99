"""Influence: r without each network as computed one by one, and a planted outlier is found."""

import numpy as np
import pytest

from sweep.regression.influence import Influence, influences
from sweep.regression.sentences import read_influence


@pytest.fixture
def planted():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=30), rng.normal(size=30)
    x[7], y[7] = 9.0, 9.0
    return x, y, [f"n{number}" for number in range(30)]


def test_the_planted_outlier_is_named_first(planted):
    x, y, names = planted
    first = influences(x, y, names, None)[0]
    assert first.name == "n7"
    assert first.is_large
    assert first.value > 0.6
    assert abs(first.without) < 0.4
    assert not any(one.is_large for one in influences(x, y, names, None)[1:])


def test_r_without_each_is_that_of_the_rest(planted):
    x, y, names = planted
    found = {one.name: one.without for one in influences(x, y, names, None)}
    for number, name in enumerate(names):
        rest = np.delete(np.arange(len(x)), number)
        assert found[name] == pytest.approx(np.corrcoef(x[rest], y[rest])[0, 1], abs=1e-9)


def test_leverages_add_up_to_two_and_families_are_left_out_whole(planted):
    x, y, names = planted
    family = ["a"] * 10 + ["b"] * 20
    found = influences(x, y, names, family)
    networks = [one for one in found if one.kind == "network"]
    assert sum(one.leverage for one in networks) == pytest.approx(2)
    without_a = next(one for one in found if (one.kind, one.name) == ("family", "a"))
    assert without_a.without == pytest.approx(np.corrcoef(x[10:], y[10:])[0, 1])
    assert without_a.leverage == pytest.approx(
        sum(one.leverage for one in networks if int(one.name[1:]) < 10)
    )


def test_an_exact_line_has_nobody_to_blame():
    x = np.arange(8.0)
    found = influences(x, 3 * x - 1, list("abcdefgh"), None)
    assert all(one.without == pytest.approx(1) for one in found)


@pytest.mark.parametrize(
    ("value", "without", "said"),
    [
        (0.8, 0.4, "n7 carries much of it"),
        (0.8, 0.98, "n7 weakens it"),
        (0.8, -0.1, "n7 decides the sign"),
        (1.0, 1.0, "no single network carries it"),
    ],
)
def test_what_a_network_does_to_r_is_told_by_what_r_is_without_it(value, without, said):
    found = [Influence("network", "n7", 0.7, 2.0, value, without)]
    assert read_influence(found, 9)[0].startswith(said)


def test_networks_that_turn_a_sign_near_nothing_do_not_carry_it():
    found = [Influence("network", f"n{n}", 0.1, 0.2, 0.01, -0.01) for n in range(5)]
    (said,) = read_influence(found, 9)
    assert said.endswith("without n0, to -0.010, the other sign")
