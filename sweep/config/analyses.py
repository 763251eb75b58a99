"""The section `analyses`: what is measured of each network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, Seed, known_name


def _once(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "must not name anything twice")
    return values


Once = AfterValidator(_once)


def _known_estimator(name: str) -> str:
    # Here, and not for defaults: a process that only trains starts faster without estimators.
    from estimators import ESTIMATORS

    return known_name("estimator", name, ESTIMATORS)


EstimatorName = Annotated[str, AfterValidator(_known_estimator)]


class IntrinsicConfig(Section):
    """Nonlinear intrinsic dimension of each layer."""

    estimators: Annotated[list[EstimatorName], Once] = Field(
        default=["twonn", "twonn_linear"],
        validate_default=False,
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


class SurrogateConfig(Section):
    """A control: the dimension of Gaussian points with the covariance of each layer."""

    estimator: EstimatorName = Field(
        default="twonn",
        validate_default=False,
        description="as `intrinsic` has it, to compare with",
    )
    modes: Annotated[list[Literal["matched", "ansuini2019"]], Once] = Field(
        default=["matched", "ansuini2019"],
        min_length=1,
        description="matched: the layer's covariance. ansuini2019: what the paper's code draws, "
        "whose spectrum is too flat",
    )
    seed: Seed = Field(default=0, description="of the points drawn, with the layer's name")


class SubsamplesConfig(Section):
    """A control: the published error bar, std over subsamples, beside a jackknife's interval."""

    estimators: Annotated[list[EstimatorName], Once] = Field(
        default=["twonn_linear"],
        validate_default=False,
        min_length=1,
        description="as published: the linear fit",
    )
    share: float = Field(
        default=0.9, gt=0, lt=1, description="of the images that each subsample holds"
    )
    num_subsamples: int = Field(default=20, ge=2, le=1000, description="drawn of each sample")
    samples: int = Field(
        default=1,
        ge=1,
        le=100,
        description="disjoint samples that the images are cut into, each with its subsamples; "
        "the published bar is then the spread of their means",
    )
    groups: int = Field(
        default=20, ge=2, le=1000, description="of images, each left out once, for the jackknife"
    )
    seed: Seed = Field(default=0, description="seed of those draws")


class BlocksConfig(Section):
    """A control: the dimension over disjoint blocks of fewer images."""

    estimators: Annotated[list[EstimatorName], Once] = Field(
        default=["twonn"],
        validate_default=False,
        min_length=1,
        description="see `idsweep list estimators`",
    )
    numbers: Annotated[list[Annotated[int, Field(ge=2, le=1000)]], Once] = Field(
        default=[2, 4, 8],
        min_length=1,
        description="how many blocks the images are cut into: 4 = a quarter of them in each",
    )
    seed: Seed = Field(default=0, description="seed of the cut")


class ScalesConfig(Section):
    """A control: the dimension of each layer over scales, by Gride over doubling ranks."""

    up_to: int = Field(
        default=64,
        ge=2,
        le=4096,
        description="rank of the farthest neighbor: 64 gives the ranks (1, 2), (2, 4), ... "
        "(32, 64); ranks beyond a quarter of the images have no value",
    )


class RotationsConfig(Section):
    """A control: the same counts on units that are mixed by random rotations."""

    number: int = Field(default=3, ge=1, le=100, description="random rotations of each layer")
    alphas: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Once] = Field(
        default=[0.25, 0.5, 0.75, 1.0],
        min_length=1,
        description="how far each is taken: 1 is all the way, 0 would be the units themselves",
    )


class DissectionConfig(Section):
    """Network Dissection: which unit of a layer detects which concept."""

    num_images: int = Field(
        default=2000,
        ge=1,
        description="images probed, drawn by measure.seed from measure.split; all if there are "
        "fewer",
    )
    share: float = Field(
        default=0.005,
        gt=0,
        lt=1,
        description="of all positions of a unit's maps that lie above its threshold",
    )
    iou: float = Field(
        default=0.04,
        ge=0,
        lt=1,
        description="a unit whose IoU with its best concept is larger is a detector of it",
    )
    ties: Literal["kept", "dropped"] = Field(
        default="kept",
        description="of a unit that has nothing above its threshold, since it saturates there: "
        "kept takes what equals it, dropped leaves the unit out",
    )
    anchors: Literal["receptive", "half_pixel"] = Field(
        default="receptive",
        description="where the cells of a map lie over the image: at the centers of their "
        "receptive fields, or spread evenly",
    )
    permutations: int = Field(
        default=19,
        ge=0,
        le=1000,
        description="of which image has whose labels: the null that p-values are counted in",
    )
    matched_up_to: float | None = Field(
        default=None,
        gt=0,
        le=0.5,
        description="a diagnostic, at the price of one more pass: each unit once more above the "
        "level that its best concept's share of the pixels lies above, up to this share; so much "
        "more of all values is kept",
    )
    rotations: RotationsConfig | None = None
    top_images: int = Field(
        default=6, ge=0, le=100, description="kept of each unit, with where it is active in them"
    )
    seed: Seed = Field(default=0, description="of the permutations and rotations")


class ClustersConfig(Section):
    """Clusters of one network's depthwise kernels, in four ways, without templates."""

    num_clusters: int | None = Field(
        default=None, ge=2, le=100, description="null: chosen for each way by its criterion"
    )
    num_seeds: int = Field(
        default=3, ge=2, le=20, description="seeds that the stability is taken over"
    )


class DepthwiseConfig(Section):
    """Families of depthwise kernels, from the weights alone."""

    null: Literal["gaussian", "permuted", "initial", "strictest"] = Field(
        default="gaussian",
        description="what a kernel's r^2 must exceed to be classified, by kernel size: that of "
        "white noise, of the network's kernels with their pixels shuffled, of the same network "
        "at initialization, or the largest of the three",
    )
    false_positive_rate: float = Field(
        default=0.01, gt=0, lt=1, description="share of the null's kernels that exceed it"
    )
    clusters: ClustersConfig | None = None
    seed: Seed = Field(default=0, description="of the nulls and of what clusters draw")


class AnalysesConfig(Section):
    """The analyses of each network; null leaves one out."""

    accuracy_images: int | None = Field(
        default=10000,
        ge=0,
        description="images of each split that accuracy is counted on, drawn by measure.seed; "
        "null = all, 0 = no accuracy",
    )
    intrinsic: IntrinsicConfig | None = IntrinsicConfig()
    linear: LinearConfig | None = LinearConfig()
    subsamples: SubsamplesConfig | None = None
    blocks: BlocksConfig | None = None
    surrogate: SurrogateConfig | None = None
    scales: ScalesConfig | None = None
    dissection: DissectionConfig | None = None
    depthwise: DepthwiseConfig | None = None
