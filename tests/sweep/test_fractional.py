"""Fractional logit, its intervals by groups left out, its fitted range: laws and references."""

import numpy as np
import pytest
from scipy.special import expit, logit

from sweep.fractional import GroupFits, Sample, fit


def sample(features, fraction, group=None, weight=None, num_units=None):
    count = len(fraction)
    weight = np.ones(count) if weight is None else np.asarray(weight, float)
    return Sample(
        np.asarray(features, float).reshape(count, -1),
        np.asarray(fraction, float),
        weight,
        np.full(count, 1 / count),
        np.arange(count) if group is None else np.asarray(group),
        count if num_units is None else num_units,
    )


@pytest.fixture
def known():
    """Features (60, 2) and the fractions that a fractional logit has of them."""
    features = np.random.default_rng(0).normal((5, -300), (2, 40), (60, 2))
    return features, expit(0.4 + features @ [0.5, 0.02] + 3)


def test_recovers_what_follows_the_model(known):
    features, fraction = known
    found = fit(sample(features, fraction))
    assert found.predict(features) == pytest.approx(fraction, abs=2e-3)


def test_without_features_it_is_the_weighted_mean():
    fraction, weight = np.array([0.1, 0.5, 0.9]), np.array([1, 1, 2])
    found = fit(sample(np.empty((3, 0)), fraction, weight=weight))
    assert found.predict(np.empty((1, 0)))[0] == pytest.approx(2.4 / 4, abs=1e-7)


def test_is_right_on_average(known):
    features, _ = known
    fraction = np.random.default_rng(1).uniform(0.01, 0.99, 60)
    found = fit(sample(features, fraction))
    assert found.predict(features).mean() == pytest.approx(fraction.mean(), abs=1e-6)


def test_units_of_features_change_nothing(known):
    features, fraction = known
    noisy = np.clip(fraction + np.random.default_rng(2).normal(0, 0.1, 60), 0.01, 0.99)
    plain = fit(sample(features, noisy)).predict(features)
    other = features * [1e6, -1e-6] + [7, 1]
    assert fit(sample(other, noisy)).predict(other) == pytest.approx(plain, abs=1e-7)


def test_a_weight_of_two_is_two_copies(known):
    features, fraction = known[0][:10], np.linspace(0.1, 0.8, 10)
    once = sample(features, fraction, weight=[2] + [1] * 9)
    rows = [0, *range(10)]
    twice = sample(features[rows], fraction[rows])
    assert fit(once).predict(features) == pytest.approx(fit(twice).predict(features), abs=1e-3)


def test_what_separates_all_stays_finite():
    found = fit(sample([1, 2, 3, 4], [0.001, 0.001, 0.999, 0.999]))
    assert np.isfinite(found.coefficients).all()
    assert 0 <= found.predict(np.array([[100.0]]))[0] <= 1


def test_a_constant_feature_says_nothing(known):
    features, fraction = known
    constant = np.c_[features, np.full(60, 0.1 + 0.2)]
    plain, with_it = fit(sample(features, fraction)), fit(sample(constant, fraction))
    assert with_it.predict(constant) == pytest.approx(plain.predict(features), abs=1e-7)
    assert with_it.reach == pytest.approx(plain.reach)


def test_leverage_is_the_hat_matrix(known):
    features, fraction = known
    design = np.c_[np.ones(60), features]
    hat = np.diag(design @ np.linalg.solve(design.T @ design, design.T))
    found = fit(sample(features, fraction))
    assert found.leverage(features) / 60 == pytest.approx(hat)
    assert found.reach / 60 == pytest.approx(hat.max())
    assert found.leverage(features.mean(axis=0)[None])[0] == pytest.approx(1)


def test_interval_is_the_papers_quantile(known):
    """CV+ as Barber et al. write it, with equal weights, one point at a time."""
    features, fraction = known[0][:20], np.random.default_rng(3).uniform(0.1, 0.9, 20)
    group, asked, level = np.repeat(np.arange(5), 4), known[0][20:23], 0.8
    low, high = GroupFits(sample(features, fraction, group)).interval(asked, level)
    for place, point in enumerate(asked):
        below, above = [], []
        for g in range(5):
            rest = group != g
            without = fit(sample(features[rest], fraction[rest], group[rest]))
            for i in np.flatnonzero(~rest):
                error = abs(logit(fraction[i]) - without.linear(features[i : i + 1])[0])
                middle = without.linear(point[None])[0]
                below.append(middle - error)
                above.append(middle + error)
        k = int(np.ceil(level * 21))
        assert logit(high[place]) == pytest.approx(sorted(above)[k - 1], abs=1e-6)
        assert logit(low[place]) == pytest.approx(sorted(below, reverse=True)[k - 1], abs=1e-6)


def test_intervals_cover_new_groups_that_are_drawn_like_the_old():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(50):
        # Of 13 families with an offset each, 12 are fitted and the last one is asked about.
        group = np.repeat(np.arange(13), 4)
        features = rng.standard_normal((52, 1))
        odds = 1 + features[:, 0] + rng.normal(0, 0.7, 13)[group] + rng.normal(0, 0.3, 52)
        fraction, old = expit(odds), group < 12
        fits = GroupFits(sample(features[old], fraction[old], group[old]))
        low, high = fits.interval(features[~old], 0.9)
        covered += list((low <= fraction[~old]) & (fraction[~old] <= high))
    assert 0.84 <= np.mean(covered) <= 0.98


def test_too_few_networks_bound_nothing():
    fits = GroupFits(sample([1, 2, 3, 4], [0.4, 0.5, 0.55, 0.6]))
    assert fits.interval(np.array([[2.5]]), 0.9) == (0.0, 1.0)


def test_interval_holds_its_prediction(known):
    features = known[0]
    fraction = np.random.default_rng(5).uniform(0.05, 0.95, 60)
    fits = GroupFits(sample(features, fraction, np.arange(60) % 3))
    far = features * 5
    low, high = fits.interval(far, 0.9)
    assert ((low <= fits.whole.predict(far)) & (fits.whole.predict(far) <= high)).all()
