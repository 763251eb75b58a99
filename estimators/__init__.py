"""Intrinsic dimension: exact neighbors and the estimators over them.

Pure mathematics: arrays in, frozen results out. Nothing here reads a file, starts a
process or knows about Ray, MLflow or Arrow.
"""

from estimators.abide import ABIDE
from estimators.bide import BIDE
from estimators.calibration import Calibrated
from estimators.correlation import CorrelationDimension
from estimators.danco import DANCo
from estimators.errors import EstimationError
from estimators.ess import ESS
from estimators.estimate import Estimate, Estimator
from estimators.fishers import FisherS
from estimators.gride import Gride, gride_scales
from estimators.hidalgo import Hidalgo
from estimators.lpca import LocalPCA
from estimators.mada import MADA
from estimators.mind_ml import MiNDML
from estimators.mle import MLE
from estimators.mom import MOM
from estimators.mst import MST
from estimators.neighbors import nearest_neighbors, neighbors_between
from estimators.points import Points
from estimators.profile import flag_outliers
from estimators.resampling import (
    BlockPoint,
    HalfSplit,
    Subsamples,
    blocks,
    half_split,
    jackknife,
    subsamples,
)
from estimators.restriction import list_length, restrict
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
from estimators.surrogate import gaussian_surrogate, surrogate_coordinates
from estimators.table import Neighbors, PartialNeighbors
from estimators.tle import TLE
from estimators.twonn import TwoNN

# The names that a sweep file and `idsweep list estimators` know. One line an estimator.
ESTIMATORS: dict[str, Estimator] = {
    estimator.name: estimator
    for estimator in (
        TwoNN(),
        TwoNN(method="mle"),
        TwoNN(method="linear"),
        Calibrated(),
        Gride(),
        MLE(),
        MLE(form="unbiased"),
        MLE(form="harmonic"),
        MOM(),
        MADA(),
        MiNDML(),
        CorrelationDimension(),
        FisherS(),
        MST(),
        BIDE(),
        ABIDE(),
        TLE(),
        ESS(),
        ESS(version="b"),
        LocalPCA(),
        DANCo(),
        Hidalgo(),
    )
}

__all__ = [
    "ABIDE",
    "BIDE",
    "ESS",
    "ESTIMATORS",
    "MADA",
    "MLE",
    "MOM",
    "MST",
    "TLE",
    "BlockPoint",
    "Calibrated",
    "CorrelationDimension",
    "DANCo",
    "Estimate",
    "EstimationError",
    "Estimator",
    "FisherS",
    "Gride",
    "HalfSplit",
    "Hidalgo",
    "LocalPCA",
    "MiNDML",
    "Neighbors",
    "PartialNeighbors",
    "Points",
    "Spectrum",
    "Subsamples",
    "TwoNN",
    "alpha_req",
    "blocks",
    "covariance_spectrum",
    "effective_rank",
    "flag_outliers",
    "gaussian_surrogate",
    "gride_scales",
    "half_split",
    "jackknife",
    "list_length",
    "nearest_neighbors",
    "neighbors_between",
    "participation_ratio",
    "participation_ratio_corrected",
    "pc_dimension",
    "rankme",
    "restrict",
    "subsamples",
    "surrogate_coordinates",
]
