"""Intrinsic dimension: exact neighbors and the estimators over them.

Pure mathematics: arrays in, frozen results out. Nothing here reads a file, starts a
process or knows about Ray, MLflow or Arrow.
"""

from estimators.errors import EstimationError
from estimators.estimate import Estimate, Estimator
from estimators.neighbors import Neighbors, nearest_neighbors
from estimators.partial import PartialNeighbors, neighbors_between
from estimators.points import Points
from estimators.spectrum import (
    Spectrum,
    alpha_req,
    covariance_spectrum,
    effective_rank,
    participation_ratio,
    participation_ratio_corrected,
    pc_dimension,
    rankme,
)
from estimators.twonn import TwoNN

# The names that a sweep file and `idsweep list estimators` know. One line an estimator.
ESTIMATORS: dict[str, Estimator] = {
    estimator.name: estimator
    for estimator in (TwoNN(), TwoNN(method="mle"), TwoNN(method="linear"))
}

__all__ = [
    "ESTIMATORS",
    "Estimate",
    "EstimationError",
    "Estimator",
    "Neighbors",
    "PartialNeighbors",
    "Points",
    "Spectrum",
    "TwoNN",
    "alpha_req",
    "covariance_spectrum",
    "effective_rank",
    "nearest_neighbors",
    "neighbors_between",
    "participation_ratio",
    "participation_ratio_corrected",
    "pc_dimension",
    "rankme",
]
