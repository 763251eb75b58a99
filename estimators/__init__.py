"""Intrinsic dimension: exact neighbors and the estimators over them.

Pure mathematics: arrays in, frozen results out. Nothing here reads a file, starts a
process or knows about Ray, MLflow or Arrow.
"""

from estimators.abide import ABIDE
from estimators.bide import BIDE
from estimators.calibration import Calibrated
from estimators.cluster_agreement import Agreement, cluster_agreement
from estimators.cluster_null import Structure, find_structure
from estimators.correlation import CorrelationDimension
from estimators.danco import DANCo
from estimators.errors import EstimationError
from estimators.ess import ESS
from estimators.estimate import Estimate, Estimator
from estimators.fishers import FisherS
from estimators.gride import Gride, gride_scales
from estimators.hidalgo import Hidalgo
from estimators.kernel_clusters import Clusters, cluster_kernels
from estimators.kernel_codes import KernelCodes, encode_kernels
from estimators.kernel_fit import FamilyFit, fit_families
from estimators.kernel_nulls import NullThresholds, classify, null_thresholds
from estimators.kernel_summary import KernelSummary, summarize_kernels
from estimators.kernel_templates import FAMILIES
from estimators.kernels import NormalizedKernels, normalize_kernels
from estimators.lpca import LocalPCA
from estimators.mada import MADA
from estimators.master_keys import MASTER_KEYS, KeyFit, explained_by_keys, master_keys
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
    "FAMILIES",
    "MADA",
    "MASTER_KEYS",
    "MLE",
    "MOM",
    "MST",
    "TLE",
    "Agreement",
    "BlockPoint",
    "Calibrated",
    "Clusters",
    "CorrelationDimension",
    "DANCo",
    "Estimate",
    "EstimationError",
    "Estimator",
    "FamilyFit",
    "FisherS",
    "Gride",
    "HalfSplit",
    "Hidalgo",
    "KernelCodes",
    "KernelSummary",
    "KeyFit",
    "LocalPCA",
    "MiNDML",
    "Neighbors",
    "NormalizedKernels",
    "NullThresholds",
    "PartialNeighbors",
    "Points",
    "Spectrum",
    "Structure",
    "Subsamples",
    "TwoNN",
    "alpha_req",
    "blocks",
    "classify",
    "cluster_agreement",
    "cluster_kernels",
    "covariance_spectrum",
    "effective_rank",
    "encode_kernels",
    "explained_by_keys",
    "find_structure",
    "fit_families",
    "flag_outliers",
    "gaussian_surrogate",
    "gride_scales",
    "half_split",
    "jackknife",
    "list_length",
    "master_keys",
    "nearest_neighbors",
    "neighbors_between",
    "normalize_kernels",
    "null_thresholds",
    "participation_ratio",
    "participation_ratio_corrected",
    "pc_dimension",
    "rankme",
    "restrict",
    "subsamples",
    "summarize_kernels",
    "surrogate_coordinates",
]
