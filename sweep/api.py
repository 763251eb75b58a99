"""idsweep from Python: the same stages as the command line."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sweep.paths import DEFAULT_STORAGE, Storage, open_storage

if TYPE_CHECKING:
    from sweep.across import Answer
    from sweep.comparison import Comparison
    from sweep.config import ModelConfig
    from sweep.dissecting import DissectedNetwork
    from sweep.drawing import DrawnFigures
    from sweep.estimation import PointEstimates
    from sweep.execution import Cluster
    from sweep.kernels_of import NetworkKernels
    from sweep.pipeline import SweepResult
    from sweep.profiling import Profile
    from sweep.progress import Progress
    from sweep.suite import SuiteResult
    from sweep.unlabelled import SweepPrediction


def run(
    sweep: str | Path,
    *,
    storage: str | Path = DEFAULT_STORAGE,
    tracking_uri: str | None = None,
    address: str | None = None,
    overrides: Sequence[str] = (),
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run a sweep: whatever of it isn't sealed in the storage yet.

    sweep: path of a sweep file, or the name of a ready one such as "digits".
    storage: folder for all results; made if it isn't there.
    tracking_uri: of MLflow; None is SQLite inside the storage.
    address: of a running Ray cluster; None starts one on this machine.
    overrides: such as "training.epochs=2".
    cluster: instead of Ray, such as `sweep.execution.LocalProcess()`; closing it is yours.

    Raises UserError, with one clear line, if the file, the storage or the cluster is wrong.
    """
    from sweep.cluster import RayCluster
    from sweep.sweepfile import load_sweep

    file = load_sweep(sweep, overrides)
    folder = open_storage(storage, create=True)
    own = RayCluster(address)
    chosen = cluster or own
    try:
        if cluster is None:
            own.begin(file.config, folder)
        # Only now, for it takes seconds, in which Ray starts.
        from sweep.pipeline import run_sweep
        from sweep.progress import SilentProgress

        return run_sweep(file, folder, chosen, progress or SilentProgress(), tracking_uri)
    finally:
        if cluster is None:
            chosen.close()


def run_suite(
    suite: str | Path,
    *,
    storage: str | Path = DEFAULT_STORAGE,
    tracking_uri: str | None = None,
    address: str | None = None,
    overrides: Sequence[str] = (),
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> SuiteResult:
    """Run several sweeps in turn, and judge what they claim together.

    suite: path of a suite file, or the name of a ready one such as "claims". The rest is as
    in `run`; overrides are of each sweep.
    """
    from sweep import suite as suites
    from sweep.cluster import RayCluster
    from sweep.progress import SilentProgress

    opened = suites.open_suite(suite, overrides)
    folder = open_storage(storage, create=True)
    chosen = cluster or RayCluster(address)
    try:
        return suites.run_suite(opened, folder, chosen, progress or SilentProgress(), tracking_uri)
    finally:
        if cluster is None:
            chosen.close()


def estimate(
    points: str | Path | ArrayLike,
    *,
    estimators: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PointEstimates:
    """Estimate the dimension of points by several estimators, over one table of neighbors.

    points: a .npy, .csv, .parquet, .arrow or .feather file, or (N, D) numbers.
    estimators: names of `estimators.ESTIMATORS`, or "all"; None takes the fast ones.

    Raises UserError, with one clear line, if the file, its points or a name is wrong.
    """
    from sweep.estimation import estimate_points
    from sweep.pointfile import PointFile, read_points
    from sweep.progress import SilentProgress

    if isinstance(points, str | Path):
        file = read_points(points)
    else:
        file = PointFile(np.asarray(points), "points")
    return estimate_points(file, estimators, progress or SilentProgress())


def _data_settings(data: str, path: str | Path | None) -> list[str]:
    """A data set and where its files are, as overrides."""
    settings = [f"data.name={json.dumps(data)}"]
    return settings + ([] if path is None else [f"data.path={json.dumps(str(path))}"])


@contextmanager
def _kept_in(storage: str | Path | None) -> Iterator[Storage]:
    """The storage, or one that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="idsweep-") as folder:
        yield open_storage(storage or folder, create=True)


def profile(
    model: str,
    *,
    data: str = "digits",
    path: str | Path | None = None,
    weights: str | None = None,
    image_size: int | None = None,
    overrides: Sequence[str] = (),
    storage: str | Path | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Measure one network's layers on a data set, in this process and without a sweep.

    model: such as "torchvision/resnet50", or "package.module:function" of your own.
    data, path: a data set and where its files are, as in the section `data` of a sweep file.
    weights: a weight's name, "pretrained", or a file; None draws them from the seed.
    overrides: such as "measure.num_samples=500" or "measure.layers=[all]".
    storage: folder that keeps what is sealed; None keeps nothing.

    Raises UserError, with one clear line, if the network, the data or a setting is wrong.
    """
    from sweep.profiling import profile_config, profile_network
    from sweep.progress import SilentProgress

    network = _named(model, weights, image_size)
    settings = _data_settings(data, path)
    config = profile_config(network, [*settings, *overrides])
    with _kept_in(storage) as kept:
        return profile_network(config, kept, progress or SilentProgress())


def dissect(
    model: str,
    *,
    data: str = "concepts",
    path: str | Path | None = None,
    weights: str | None = None,
    image_size: int | None = None,
    overrides: Sequence[str] = (),
    storage: str | Path | None = None,
    progress: Progress | None = None,
) -> DissectedNetwork:
    """Say what the units of one network detect, on images with labelled concepts.

    data, path: "concepts", or "broden" and a folder in its format.
    model, weights, image_size, storage: as for `profile`.
    overrides: such as "analyses.dissection.num_images=500" or "data.image_size=64".

    Raises UserError, with one clear line, if the network, the data or a setting is wrong.
    """
    from sweep.dissecting import dissect_network, dissection_config
    from sweep.progress import SilentProgress

    network = _named(model, weights, image_size)
    settings = _data_settings(data, path)
    config = dissection_config(network, [*settings, *overrides])
    with _kept_in(storage) as kept:
        return dissect_network(config, kept, progress or SilentProgress())


def kernels(
    model: str,
    *,
    data: str = "digits",
    path: str | Path | None = None,
    weights: str | None = None,
    image_size: int | None = None,
    overrides: Sequence[str] = (),
    storage: str | Path | None = None,
    progress: Progress | None = None,
) -> NetworkKernels:
    """Say which families the depthwise kernels of one network are in, from its weights alone.

    data, path: what the network is made for, which matters for its first and last layer alone.
    model, weights, image_size, storage: as for `profile`.
    overrides: such as "analyses.depthwise.null=strictest" or "model.kernel_size=5".

    A network without any has an empty `table`. Raises UserError, with one clear line, if the
    network or a setting is wrong.
    """
    from sweep.kernels_of import kernels_config, kernels_of_network
    from sweep.progress import SilentProgress

    network = _named(model, weights, image_size)
    settings = _data_settings(data, path)
    config = kernels_config(network, [*settings, *overrides])
    with _kept_in(storage) as kept:
        return kernels_of_network(config, kept, progress or SilentProgress())


def regress(
    sweeps: str | Sequence[str] = (),
    *,
    storage: str | Path = DEFAULT_STORAGE,
    tracking_uri: str | None = None,
    filter_string: str = "",
    where: Sequence[str] = (),
    response: str | None = None,
    predictors: Sequence[str] | None = None,
    covariates: Sequence[str] | None = None,
    resamples: int | None = None,
    seed: int | None = None,
    table: str | Path | None = None,
    track: bool = True,
) -> Answer:
    """Regress a response on predictors across networks: `answer.regression` has all of it.

    sweeps: names of sweeps that were run, of MLflow experiments, or "published:TABLE".
    storage: folder of sweeps; need not exist for experiments of a `tracking_uri`.
    filter_string: as `mlflow.search_runs` takes it. where: such as "training.label_noise=0".
    response, predictors, covariates: numbers of a trial by name (see
        `sweep/regression/variables.py`); None: as the sweep file has it, else the usual ones.
    table: a CSV file of your own instead, a line a network.
    track: keep it as a run of the first experiment, if the trials came from MLflow.

    Raises UserError, with one clear line, for what can't be found, filtered or regressed.
    """
    from sweep.across import keep_answer, regress_across
    from sweep.question import Question

    def given(names: Sequence[str] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(names)

    question = Question(
        names=(sweeps,) if isinstance(sweeps, str) else tuple(sweeps),
        table=None if table is None else Path(table),
        tracking_uri=tracking_uri,
        filter_string=filter_string,
        where=tuple(where),
        response=response,
        predictors=given(predictors),
        covariates=given(covariates),
        resamples=resamples,
        seed=seed,
    )
    needs_storage = question.needs_storage and tracking_uri is None
    there = "://" in str(storage) or Path(storage).expanduser().is_dir()
    opened = open_storage(storage, create=False) if needs_storage or there else None
    answer = regress_across(question, opened)
    return keep_answer(answer) if track else answer


def predict(
    sweep: str,
    *,
    storage: str | Path = DEFAULT_STORAGE,
    where: Sequence[str] = (),
    features: Sequence[str] | None = None,
    group_by: str | None = None,
    checkpoint: str | Path | None = None,
    model: str | None = None,
    image_size: int | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> SweepPrediction:
    """Predict test accuracy from unlabelled images, and say how wrong that is across families.

    sweep: the name of one that was run. where: such as "training.label_noise=0".
    features: label-free scalars of a trial; None takes the main dimension's profile.
    group_by: the key whose values are held out one by one; None is the network's family.
    checkpoint, model, image_size, overrides: a network to predict, measured on the sweep's
        images; a trial's checkpoint knows its model. overrides: such as "model.width=16".

    Raises UserError, with one clear line, if there is too little to fit or to measure.
    """
    from sweep.given import GivenNetwork
    from sweep.progress import SilentProgress
    from sweep.unlabelled import predict_sweep

    given = None
    if checkpoint is not None or model is not None or image_size is not None or overrides:
        weights = None if checkpoint is None else str(checkpoint)
        given = GivenNetwork(model, weights, image_size, tuple(overrides))
    return predict_sweep(
        open_storage(storage, create=False),
        sweep,
        progress or SilentProgress(),
        given=given,
        where=where,
        features=features,
        group_by=group_by,
    )


def compare(
    *sides: str,
    storage: str | Path = DEFAULT_STORAGE,
    quantities: Sequence[str] = (),
    where: Sequence[str] = (),
    all_pairs: bool = False,
) -> Comparison:
    """Compare sweeps, architectures or checkpoints: what differs beyond noise.

    sides: two or more, such as "digits/cnn", "digits/cnn-w16-d2-s0@5", "digits/mlp,width=16",
        "OTHER/STORAGE:digits" or a checkpoint's folder; all are compared with the first.
    quantities: measured per layer, such as "id/twonn", or "all"; none takes the main one.
    where: such as "training.label_noise=0", of all sides. all_pairs: each with each.

    Raises UserError, with one clear line, for a side that names nothing.
    """
    from sweep.comparison import compare_groups

    return compare_groups(sides, storage, quantities=quantities, where=where, all_pairs=all_pairs)


def figures(
    sweep: str,
    *,
    storage: str | Path = DEFAULT_STORAGE,
    folder: str | Path | None = None,
    formats: Sequence[str] = ("png", "svg"),
    width: float = 7.2,
    only: Sequence[str] = (),
) -> DrawnFigures:
    """Draw the figures of a sweep for a paper, and say which were left out and why.

    sweep: the name of one that was run. folder: made if it isn't there; None is `figures`
    beside the sweep's report. width: inches; 7.2 is two columns of a paper, 3.4 one.
    only: names of figures; none is all.

    Raises UserError, with one clear line, for a wrong name, format, width or folder.
    """
    from sweep.drawing import draw_figures

    return draw_figures(
        open_storage(storage, create=False),
        sweep,
        folder=None if folder is None else Path(folder),
        formats=formats,
        width=width,
        only=only,
    )


def _named(model: str, weights: str | None, image_size: int | None) -> ModelConfig:
    """The section `model` of what is given."""
    from sweep.models.survey import named_model

    given = {"weights": weights, "image_size": image_size}
    return named_model(model, **{key: value for key, value in given.items() if value is not None})
