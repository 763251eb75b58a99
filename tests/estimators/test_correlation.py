"""The correlation dimension against its plain form, scikit-dimension, and known slopes."""

import dataclasses

import numpy as np
import pytest

from estimators import EstimationError, Neighbors, nearest_neighbors
from estimators.correlation import CorrelationDimension
from estimators.manifolds import ball, sphere, swiss_roll

RNG = np.random.default_rng(0)


def distance_matrix(points):
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))


def plain_slope(distances, near, far, num_scales=2):
    radii = np.geomspace(near, far, num_scales)
    others = distances[~np.eye(len(distances), dtype=bool)]
    counts = [(others < radius).mean() for radius in radii]
    return np.polyfit(np.log(radii), np.log(counts), 1)[0]


def neighbor_scales(distances, k1, k2):
    ordered = np.sort(distances, axis=1)
    return np.median(ordered[:, k1]), np.median(ordered[:, k2])


@pytest.mark.parametrize("num_scales", [2, 6])
@pytest.mark.parametrize("columns", [20, 45, 150])
def test_is_the_plain_slope_whatever_the_table(columns, num_scales):
    """Few columns: nearly all pairs are computed; many: all are read off the table."""
    points = RNG.standard_normal((300, 4))
    distances = distance_matrix(points)
    expected = plain_slope(distances, *neighbor_scales(distances, 10, 20), num_scales)
    found = CorrelationDimension(num_scales=num_scales).estimate(nearest_neighbors(points, columns))
    assert found.dimension == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("k1", "k2"), [(10, 20), (5, 40)])
def test_agrees_with_scikit_dimension(k1, k2):
    """An even number of points: then the median lies between two distances. For an odd one
    it is a distance, and rounding decides in scikit-dimension whether its pair counts."""
    id_ = pytest.importorskip("skdim.id")
    for points in (RNG.standard_normal((400, 5)), ball(500, 3, RNG), swiss_roll(400, RNG)):
        expected = id_.CorrInt(k1=k1, k2=k2).fit(points).dimension_
        found = CorrelationDimension(k1=k1, k2=k2).estimate(nearest_neighbors(points, k2))
        assert found.dimension == pytest.approx(expected, rel=1e-6)


def test_quantiles_fix_the_scales():
    points = RNG.uniform(size=(400, 2))
    distances = distance_matrix(points)
    others = distances[~np.eye(400, dtype=bool)]
    near, far = np.quantile(others, [0.005, 0.05])
    estimator = CorrelationDimension(low_quantile=0.005, high_quantile=0.05, num_scales=4)
    found = estimator.estimate(nearest_neighbors(points, 1))
    assert found.dimension == pytest.approx(plain_slope(distances, near, far, 4), rel=1e-6)
    assert found.scale == pytest.approx(far)
    assert found.settings["estimator"] == "correlation_quantiles"


def whole_table(points):
    """All neighbors of every point, so that nothing is left to compute."""
    distances = distance_matrix(points)
    order = np.argsort(distances, axis=1)[:, 1:]
    return Neighbors(np.take_along_axis(distances, order, axis=1), order)


@pytest.mark.parametrize(("shape", "allowed"), [("torus", 0.3), ("gaussian", 0.15)])
def test_standard_error_is_the_spread(shape, allowed):
    """In a Gaussian, whose density varies; on a torus, which has no edge, it is 15% too large:
    there the scales follow the points so well that little but that varies."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        points = rng.standard_normal((200, 2))
        if shape == "torus":
            angles = 2 * np.pi * rng.uniform(size=(200, 2))
            points = np.hstack([np.cos(angles), np.sin(angles)])
        found.append(CorrelationDimension().estimate(whole_table(points)))
    spread = np.std([estimate.dimension for estimate in found])
    assert np.mean([estimate.stderr for estimate in found]) == pytest.approx(spread, rel=allowed)
    center = np.mean([estimate.dimension for estimate in found])
    assert center == pytest.approx(2, rel=0.06)
    covered = np.mean([estimate.low <= center <= estimate.high for estimate in found])
    assert 0.92 <= covered <= 0.995


def test_copies_enter_no_pair():
    points = RNG.standard_normal((300, 3))
    copied = np.vstack([points, points[:20]])
    # Without the copies and their twins the other 280 points are counted among themselves,
    # at scales that the table of all sets.
    kept = nearest_neighbors(copied, 20).distances[20:300]
    scales = np.median(kept[:, 9]), np.median(kept[:, 19])
    expected = plain_slope(distance_matrix(points[20:]), *scales)
    found = CorrelationDimension().estimate(nearest_neighbors(copied, 20))
    assert found.dimension == pytest.approx(expected, rel=1e-9)
    assert found.settings["duplicates_dropped"] == 40


def test_sees_the_dimension_of_a_sphere():
    found = CorrelationDimension().estimate(nearest_neighbors(sphere(3000, 3, RNG), 20))
    assert found.dimension == pytest.approx(3, rel=0.05)


def test_reads_points_only_where_the_table_ends():
    points = RNG.standard_normal((200, 3))
    long = dataclasses.replace(nearest_neighbors(points, 199), points=None)
    short = dataclasses.replace(nearest_neighbors(points, 20), points=None)
    whole = CorrelationDimension().estimate(nearest_neighbors(points, 20))
    assert CorrelationDimension().estimate(long).dimension == whole.dimension
    with pytest.raises(EstimationError, match="the table came without points"):
        CorrelationDimension().estimate(short)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k1": 20}, "got k1=20, k2=20"),
        ({"k1": 0}, "got k1=0"),
        ({"low_quantile": 0.1}, "both quantiles or none"),
        ({"low_quantile": 0.1, "high_quantile": 0.05}, "low_quantile=0.1, high_quantile=0.05"),
        ({"num_scales": 1}, "a slope needs two"),
        ({"confidence": 0.0}, "got confidence=0.0"),
    ],
)
def test_refuses_settings_out_of_range(arguments, message):
    with pytest.raises(EstimationError, match=message):
        CorrelationDimension(**arguments)


def test_refuses_equal_scales():
    grid = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), -1).reshape(-1, 2)
    with pytest.raises(EstimationError, match="the two scales must differ, but both are 2"):
        CorrelationDimension(k1=9, k2=12).estimate(nearest_neighbors(grid, 12))
