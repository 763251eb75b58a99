"""The benchmark manifolds have the dimension they state and the distribution of the benchmark."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from skdim.datasets import BenchmarkManifolds

from estimators import EstimationError
from estimators.benchmark_manifolds import MANIFOLDS

TRUTH = BenchmarkManifolds(random_state=0).truth


@pytest.fixture(params=list(MANIFOLDS))
def manifold(request):
    return MANIFOLDS[request.param]


def test_names_and_dimensions_are_those_of_the_benchmark():
    stated = {name: (m.dimension, m.num_units) for name, m in MANIFOLDS.items()}
    assert stated == {
        name: (row["Intrinsic Dimension"], row["Number of variables"])
        for name, row in TRUTH.iterrows()
    }


def test_samples_have_the_shape_and_repeat_themselves(manifold):
    points = manifold.sample(7, np.random.default_rng(3))
    assert points.shape == (7, manifold.num_units)
    assert points.dtype == np.float64
    np.testing.assert_array_equal(points, manifold.sample(7, np.random.default_rng(3)))
    assert len(np.unique(points, axis=0)) == 7
    with pytest.raises(EstimationError, match="got num_points=0"):
        manifold.sample(0, np.random.default_rng(3))


def test_local_dimension_is_as_stated(manifold):
    """The rank of the chart's Jacobian, by central differences, at random points."""
    parameters = manifold.parameters(20, np.random.default_rng(1))
    step = 1e-6
    columns = []
    for axis in range(parameters.shape[1]):
        shift = step * np.eye(parameters.shape[1])[axis]
        ahead, behind = manifold.chart(parameters + shift), manifold.chart(parameters - shift)
        columns.append((ahead - behind) / (2 * step))
    values = np.linalg.svd(np.stack(columns, axis=2), compute_uv=False)
    rank = (values > 1e-6 * values[:, :1]).sum(axis=1)
    assert (rank == manifold.dimension).all()


def test_distribution_is_that_of_scikit_dimension(manifold):
    """Every unit, and the distance of random pairs: two-sample Kolmogorov-Smirnov tests."""
    num_points = 3000
    rng = np.random.default_rng(4)
    ours = manifold.sample(num_points, rng)
    theirs = BenchmarkManifolds(random_state=5).generate(
        manifold.name, n=num_points, dim=manifold.num_units, d=manifold.dimension
    )
    # Theirs fills the faces of a cube one after the other; pairs must be random.
    theirs = theirs[rng.permutation(num_points)]
    for unit in range(manifold.num_units):
        assert ks_2samp(ours[:, unit], theirs[:, unit]).pvalue > 1e-5
    ours, theirs = (np.linalg.norm(x[::2] - x[1::2], axis=1) for x in (ours, theirs))
    assert ks_2samp(ours, theirs).pvalue > 1e-4


def test_a_cube_has_all_its_faces_alike():
    points = MANIFOLDS["M10a_Cubic"].sample(22_000, np.random.default_rng(6))
    assert ((points == 0) | (points == 1)).sum(axis=1).tolist() == [1] * 22_000
    for face in (0, 1):
        counts = (points == face).sum(axis=0)
        assert counts.min() > 850  # 1,000 are expected, with a deviation of 31
        assert counts.max() < 1150
