"""The sweep file: what may stand in it, and what each setting means. One section a file.

`sweep/sweepfile.py` reads YAML into these and says where an error is; `sweep/space.py`
turns the search space into trials.
"""

from sweep.config.analyses import (
    AnalysesConfig,
    BlocksConfig,
    ClustersConfig,
    DepthwiseConfig,
    DissectionConfig,
    IntrinsicConfig,
    LinearConfig,
    RotationsConfig,
    ScalesConfig,
    SubsamplesConfig,
    SurrogateConfig,
)
from sweep.config.axes import (
    DOMAINS,
    Choice,
    Domain,
    Grid,
    LogUniform,
    RandInt,
    Uniform,
)
from sweep.config.claims import STATISTICS, ClaimConfig
from sweep.config.data import DataConfig
from sweep.config.measure import MeasureConfig
from sweep.config.model import ModelConfig
from sweep.config.regression import RegressionConfig
from sweep.config.resources import ResourcesConfig, TrialResources
from sweep.config.scheduler import SchedulerConfig
from sweep.config.search import SearchConfig
from sweep.config.section import Section
from sweep.config.suite import SuiteConfig
from sweep.config.sweep import SweepConfig, TrialConfig
from sweep.config.training import TrainingConfig

__all__ = [
    "DOMAINS",
    "STATISTICS",
    "AnalysesConfig",
    "BlocksConfig",
    "Choice",
    "ClaimConfig",
    "ClustersConfig",
    "DataConfig",
    "DepthwiseConfig",
    "DissectionConfig",
    "Domain",
    "Grid",
    "IntrinsicConfig",
    "LinearConfig",
    "LogUniform",
    "MeasureConfig",
    "ModelConfig",
    "RandInt",
    "RegressionConfig",
    "ResourcesConfig",
    "RotationsConfig",
    "ScalesConfig",
    "SchedulerConfig",
    "SearchConfig",
    "Section",
    "SubsamplesConfig",
    "SuiteConfig",
    "SurrogateConfig",
    "SweepConfig",
    "TrainingConfig",
    "TrialConfig",
    "TrialResources",
    "Uniform",
]
