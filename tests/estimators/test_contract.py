"""What every estimator promises, whatever its method."""

import dataclasses

import numpy as np
import pytest

from estimators import ESTIMATORS, EstimationError, nearest_neighbors
from estimators.manifolds import ball, embed, sphere, swiss_roll

RNG = np.random.default_rng(1)
MANIFOLDS = {
    "ball 2": (ball(1500, 2, RNG), 2),
    "sphere 5 in 20": (embed(sphere(1500, 5, RNG), 20, RNG), 5),
    "swiss roll": (swiss_roll(1500, RNG), 2),
}


@pytest.fixture(params=list(ESTIMATORS))
def estimator(request):
    return ESTIMATORS[request.param]


def estimate(estimator, points):
    return estimator.estimate(nearest_neighbors(points, estimator.num_neighbors))


class TestEstimator:
    @pytest.mark.parametrize("name", MANIFOLDS)
    def test_finds_a_known_dimension(self, estimator, name):
        points, truth = MANIFOLDS[name]
        assert estimate(estimator, points).dimension == pytest.approx(truth, rel=0.12)

    def test_does_not_depend_on_pose_scale_or_order(self, estimator):
        points = ball(400, 4, RNG)
        changed = 3.7 * embed(points, 9, RNG) - 5.0
        shuffled = changed[RNG.permutation(len(points))]
        before, after = estimate(estimator, points), estimate(estimator, shuffled)
        assert after.dimension == pytest.approx(before.dimension, rel=1e-6)
        assert after.scale == pytest.approx(3.7 * before.scale, rel=1e-6)

    def test_interval_holds_the_estimate_and_shrinks_with_more_points(self, estimator):
        few, many = (estimate(estimator, ball(n, 3, RNG)) for n in (200, 3200))
        for found in (few, many):
            assert found.low < found.dimension < found.high
            assert found.stderr > 0
        assert many.high - many.low < 0.5 * (few.high - few.low)

    def test_counts_what_it_drops(self, estimator):
        points = ball(300, 3, RNG)
        found = estimate(estimator, np.vstack([points, points[:20]]))
        # Who has a doubled point as nearest neighbor has a tie.
        ties = found.settings["ties_dropped"]
        assert found.settings["duplicates_dropped"] == 40
        assert found.num_dropped == 40 + ties
        assert found.num_points == 280 - ties

    def test_names_itself_in_the_settings(self, estimator):
        found = estimate(estimator, ball(100, 2, RNG))
        assert found.settings["estimator"] == estimator.name
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.dimension = 1.0

    def test_refuses_too_few_points(self, estimator):
        with pytest.raises(EstimationError, match="8 points 8 have a duplicate"):
            estimate(estimator, np.zeros((8, 3)))
