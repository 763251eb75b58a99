"""The sweep file: what may stand in it, and what each setting means.

One model a section. `sweep/sweepfile.py` reads YAML into these and says where an error is;
`sweep/space.py` turns the search space into trials.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from estimators import ESTIMATORS
from sweep.data import DATASETS
from sweep.models import FAMILIES


class Section(BaseModel):
    """A part of the sweep file: unknown keys are refused, values don't change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True
    )

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, values: Any) -> Any:
        """YAML's `true` would pass for the number 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation in (int, float):
                raise PydanticCustomError("no_number", "{name} must be a number", {"name": name})
        return values


# What torch, numpy and Ray all take.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


def known_name(what: str, name: str, known: Any) -> str:
    """`name` if it is one of `known`, else an error that `sweepfile` puts into words."""
    if name not in known:
        context = {"what": what, "name": name, "known": sorted(known)}
        raise PydanticCustomError("unknown_name", "unknown {what} {name}", context)
    return name


class DataConfig(Section):
    """The images, and how they are split."""

    name: str = Field(default="digits", description="a data set: see `idsweep list datasets`")
    test_fraction: float = Field(
        default=0.25, gt=0, lt=1, description="share of each class held out for testing"
    )
    seed: Seed = Field(default=0, description="seed of the split")
    partition_rows: int = Field(
        default=1024, ge=1, description="images in one Arrow partition; changes no result"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("data set", name, DATASETS)


class ModelConfig(Section):
    """The network of a trial."""

    name: str = Field(default="cnn", description="a family: see `idsweep list models`")
    width: int = Field(
        default=16, ge=1, le=65536, description="units (mlp) or channels of the first stage"
    )
    depth: int = Field(
        default=2, ge=1, le=1000, description="hidden layers (mlp) or blocks per stage"
    )
    batch_norm: bool = Field(default=True, description="normalize after each convolution")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("model", name, FAMILIES)


class TrainingConfig(Section):
    """How a trial's network is trained."""

    epochs: int = Field(default=20, ge=0, description="passes over the training images; 0 = none")
    optimizer: Literal["adamw", "sgd"] = Field(
        default="adamw", description="sgd has Nesterov momentum 0.9"
    )
    learning_rate: float = Field(
        default=3e-3, gt=0, description="peak; a cosine schedule takes it to zero"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="decoupled under adamw")
    batch_size: int = Field(
        default=64, ge=2, description="images per step; a lone last image joins the batch before"
    )
    label_noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training labels drawn anew, uniformly over all classes",
    )
    seed: Seed = Field(default=0, description="of initialization, batch order and label noise")


class TrialConfig(Section):
    """All that the user sets of one trial."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


class SearchConfig(Section):
    """How trials are drawn from the space."""

    num_samples: int = Field(
        default=1, ge=1, description="draws of the random axes, per point of the grid"
    )
    seed: Seed = Field(default=0, description="seed of those draws")


class ResourcesConfig(Section):
    """What one trial takes while it trains."""

    cpus: int = Field(default=1, ge=1, description="cores, and torch threads")
    gpus: float = Field(
        default=0, ge=0, description="0 trains on the CPU; a fraction shares a GPU between trials"
    )

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise PydanticCustomError("fraction", "a fraction of a GPU must be below 1")
        return gpus

    @property
    def device(self) -> str:
        """Where torch trains."""
        return "cuda" if self.gpus else "cpu"


class MeasureConfig(Section):
    """What is measured on, and by how many actors."""

    split: Literal["train", "test"] = Field(
        default="train", description="the images of the profile; train, as in the paper"
    )
    num_samples: int = Field(
        default=1000, ge=20, description="images, drawn once per data set; all if there are fewer"
    )
    seed: Seed = Field(default=0, description="seed of that draw")
    batch_size: int = Field(default=256, ge=1, description="images per forward pass")
    untrained: bool = Field(
        default=True, description="also measure each architecture at initialization"
    )
    actors: int = Field(default=1, ge=1, description="long-lived measuring processes")
    cpus_per_actor: float = Field(
        default=0,
        ge=0,
        description="cores an actor reserves (it computes on one); 0 reserves none, and lets it "
        "run in the gaps between trials",
    )


EstimatorName = Annotated[
    str, AfterValidator(lambda name: known_name("estimator", name, ESTIMATORS))
]


class IntrinsicConfig(Section):
    """Nonlinear intrinsic dimension of each layer."""

    estimators: list[EstimatorName] = Field(
        default=["twonn", "twonn_linear"],
        min_length=1,
        description="see `idsweep list estimators`; the first is the main one",
    )


class LinearConfig(Section):
    """Linear dimension of each layer, from its covariance spectrum."""

    variance_share: float = Field(
        default=0.9, gt=0, le=1, description="PC-ID: components holding this share of variance"
    )
    alpha_first_rank: int = Field(
        default=11, ge=1, description="alpha-ReQ: the power law is fitted from this eigenvalue"
    )
    alpha_last_rank: int = Field(
        default=100, ge=2, description="to this one, or to the last; less than 10 give no value"
    )


class AnalysesConfig(Section):
    """The analyses of each network; null leaves one out. Accuracy is always measured."""

    intrinsic: IntrinsicConfig | None = IntrinsicConfig()
    linear: LinearConfig | None = LinearConfig()


class RegressionConfig(Section):
    """What is asked across models."""

    response: str = Field(default="test_accuracy", description="any scalar of a trial")
    predictors: list[str] | None = Field(
        default=None,
        min_length=1,
        description="scalars of a trial, each set against the response; null takes the last "
        "hidden layer's value of every quantity, and the peak of the first",
    )
    resamples: int = Field(
        default=2000, ge=100, le=100000, description="bootstrap draws, and permutations"
    )
    seed: Seed = Field(default=0, description="seed of both")


Scalar = bool | int | float | str | None


class Grid(Section):
    """Every one of these values, with every point of the other axes."""

    grid: Annotated[list[Scalar], Field(min_length=1)]


class Choice(Section):
    """One of these values, drawn anew for each sample."""

    choice: Annotated[list[Scalar], Field(min_length=1)]


class Uniform(Section):
    """A number drawn uniformly from [low, high)."""

    uniform: tuple[float, float]


class LogUniform(Section):
    """A number whose logarithm is drawn uniformly from [log low, log high)."""

    loguniform: tuple[float, float]


Int53 = Annotated[int, Field(ge=-(2**53), le=2**53)]


class RandInt(Section):
    """An integer drawn uniformly from low, ..., high - 1."""

    randint: tuple[Int53, Int53]


Domain = Grid | Choice | Uniform | LogUniform | RandInt
DOMAINS: dict[str, type[Domain]] = {
    "grid": Grid,
    "choice": Choice,
    "uniform": Uniform,
    "loguniform": LogUniform,
    "randint": RandInt,
}
Block = dict[str, Scalar | Domain]


class SweepConfig(Section):
    """A whole sweep file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="letters, digits, '.', '_' and '-': a folder and an MLflow experiment",
    )
    description: str = Field(default="", description="what the sweep asks, in a sentence or two")
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    space: list[Block] = Field(
        default=[{}],
        min_length=1,
        description="blocks of axes over model.* and training.*; their trials are united",
    )
    search: SearchConfig = SearchConfig()
    resources: ResourcesConfig = ResourcesConfig()
    measure: MeasureConfig = MeasureConfig()
    analyses: AnalysesConfig = AnalysesConfig()
    regression: RegressionConfig = RegressionConfig()
