"""Networks left out, and predictors on equal footing."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from sweep.regression.footing import compare_predictors
from sweep.regression.holdout import held_out_errors, hold_out


def test_errors_are_those_of_fits_made_without_the_fold():
    rng = np.random.default_rng(1)
    columns, y = rng.normal(size=(24, 2)), rng.normal(size=24)
    for fold in (np.arange(24), np.arange(24) % 3):
        found = held_out_errors(columns, y, fold)
        for one in np.unique(fold):
            inside = fold == one
            design = np.column_stack([np.ones(24), columns])
            fitted = np.linalg.lstsq(design[~inside], y[~inside], rcond=None)[0]
            assert found[inside] == pytest.approx(y[inside] - design[inside] @ fitted[:3])


def test_a_predictor_is_worth_what_it_adds():
    rng = np.random.default_rng(2)
    z, x = rng.normal(size=(2, 60))
    y = 3 * z + x + 0.1 * rng.normal(size=60)
    found = hold_out(x, y, z[:, None], np.arange(60) % 5, "family")
    assert found.num_folds == 5
    assert found.both < 0.15 < found.covariates < found.error < found.mean * 1.1


def test_a_line_that_tells_nothing_is_no_better_than_the_mean():
    rng = np.random.default_rng(3)
    found = hold_out(
        rng.normal(size=200), rng.normal(size=200), np.empty((200, 0)), np.arange(200), "network"
    )
    assert found.error == pytest.approx(found.mean, rel=0.03)
    assert found.covariates is None


@pytest.fixture
def compared():
    rng = np.random.default_rng(4)
    y = rng.normal(size=60)
    x = np.column_stack(
        [y + 0.3 * rng.normal(size=60), -y - 0.31 * rng.normal(size=60), rng.normal(size=60)]
    )
    names = ["up", "down", "noise"]
    return compare_predictors(names, x, y, np.arange(60) % 6, "family", [], 1000, 0)


def test_the_sign_does_not_decide_and_noise_is_last(compared):
    assert {row.predictor for row in compared.rows[:2]} == {"up", "down"}
    best, second, noise = compared.rows
    assert best.behind == 0
    assert best.behind_p_holm is None
    assert second.behind_low <= 0.05
    assert second.behind_p_holm > 0.05
    assert noise.behind_low > 0.3
    assert noise.behind_p_holm < 0.05
    assert noise.error > compared.mean_error * 0.95 > best.error


def test_p_is_corrected_for_as_many_as_were_tried(compared):
    raw = [row.p_value for row in compared.rows]
    assert [row.p_holm for row in compared.rows] == pytest.approx(
        multipletests(raw, method="holm")[1]
    )


def test_equal_predictors_are_not_told_apart():
    """Twenty pairs of equally good predictors: a difference is seldom found."""
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(60):
        y = rng.normal(size=40)
        x = y[:, None] + rng.normal(size=(40, 2))
        rows = compare_predictors(["a", "b"], x, y, np.arange(40), "network", [], 200, 0).rows
        found += rows[1].behind_p_holm <= 0.05
    assert found <= 9
