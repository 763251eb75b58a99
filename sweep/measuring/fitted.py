"""The depthwise kernels of a checkpoint fitted with templates: rows and a table of all kernels.

Legend: K kernels of k x k pixels, F families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit, fit_families, join_fits
from estimators.kernel_nulls import (
    NUM_GAUSSIAN,
    classify,
    gaussian_kernels,
    null_threshold,
    permuted_kernels,
)
from estimators.kernel_summary import summarize_kernels
from estimators.kernel_templates import FAMILIES, OTHER
from estimators.kernels import NormalizedKernels, normalize_kernels
from estimators.master_keys import MASTER_KEYS, KeyFit, explained_by_keys
from sweep.config import ClustersConfig, DepthwiseConfig
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.measuring.cost import survey_layers
from sweep.measuring.counting import Findings
from sweep.measuring.kernel_quantities import quantities
from sweep.models.depthwise import DepthwiseLayer, depthwise_layers
from sweep.models.layers import Layer

FIRST_IMAGES = 5  # as many as a trace takes
CALLED_OTHER = "other"


@dataclass(frozen=True)
class Kernels:
    """Some kernels: their shapes, and how templates fit them."""

    shapes: NormalizedKernels
    fit: FamilyFit

    @classmethod
    def of(cls, kernels: NDArray[np.float64]) -> Kernels:
        shapes = normalize_kernels(kernels)
        return cls(shapes, fit_families(shapes.shapes))


@dataclass(frozen=True)
class FittedLayer:
    """One depthwise convolution. layer: numbered after the layers of the profile.

    trained, initial: as they are in the checkpoint, and in the same network before training.
    permuted: trained ones with their pixels shuffled.
    """

    layer: Layer
    size: int
    trained: Kernels
    initial: Kernels
    permuted: FamilyFit
    keys: KeyFit


def conclude(analysis: str, config: DepthwiseConfig, view: NetworkView) -> Findings:
    """Rows of each depthwise convolution and of the network, and the table `kernels`.

    A network without any has one row, that it has none.
    """
    checkpoint = view.checkpoint
    found, left_out = depthwise_layers(view.network)
    settings: dict[str, Any] = {
        "null": config.null,
        "false_positive_rate": config.false_positive_rate,
        "seed": config.seed,
        "left_out": [f"{_short(each.module)}: {each.reason}" for each in left_out],
    }
    count = sum(len(each.kernels) for each in found)
    rows = [checkpoint.row(analysis, NUM_KERNELS, float(count), settings=settings)]
    if not found:
        return Findings(rows, {"kernels": _table([], {})})
    layers = list(_fitted(config, view, found))
    thresholds = _thresholds(config, layers)
    for each in layers:
        own = settings | {"kernel_size": each.size, "threshold": thresholds[each.size]}
        rows += [
            checkpoint.layer_row(
                each.layer,
                analysis,
                f"depthwise/{name}",
                value,
                low=low,
                high=high,
                num_samples=len(each.trained.fit.best),
                settings=own,
            )
            for name, value, low, high in _summary([each], thresholds)
        ]
    whole = settings | {"thresholds": {str(size): level for size, level in thresholds.items()}}
    rows += [
        checkpoint.row(
            analysis,
            f"depthwise_network/{name}",
            value,
            low=low,
            high=high,
            num_samples=count,
            settings=whole,
        )
        for name, value, low, high in _summary(layers, thresholds)
    ]
    tables = {"kernels": _table(layers, thresholds)}
    if config.clusters is not None:
        more, tables["clusters"] = _clustered(config, config.clusters, layers)
        rows += [
            checkpoint.row(
                analysis, f"depthwise_network/{name}", value, num_samples=count, settings=whole
            )
            for name, value in more
        ]
    return Findings(rows, tables)


NUM_KERNELS = "depthwise_network/num_kernels"


def _short(module: str) -> str:
    """As layers are named: the network that is given lies within ours."""
    return module.removeprefix("network.")


def _fitted(
    config: DepthwiseConfig, view: NetworkView, found: Sequence[DepthwiseLayer]
) -> Iterator[FittedLayer]:
    checkpoint = view.checkpoint
    places = _places(view)
    before = {each.module: each for each in depthwise_layers(_initial(checkpoint))[0]}
    for number, each in enumerate(found):
        trained = Kernels.of(each.kernels)
        shuffled = permuted_kernels(
            trained.shapes.shapes, np.random.default_rng([config.seed, number])
        )
        yield FittedLayer(
            replace(places[each.module], index=len(view.layers) + number),
            each.size,
            trained,
            Kernels.of(before[each.module].kernels),
            fit_families(shuffled),
            explained_by_keys(trained.shapes.shapes),
        )


def _initial(checkpoint: Checkpoint) -> Any:
    """The same network from its seed, before training and without weights that it may name."""
    from sweep.space import untrained_twin
    from sweep.training.checkpoints import begin_network

    trial = checkpoint.trial
    return begin_network(replace(trial, config=untrained_twin(trial.config)), checkpoint.data)


def _places(view: NetworkView) -> dict[str, Layer]:
    """Every layer of the network by the path of its module: its name, and how deep it lies."""
    checkpoint = view.checkpoint
    split = checkpoint.data.split(checkpoint.config.split)
    images = view.network.preprocessing.pixels_of(split, checkpoint.sample_rows[:FIRST_IMAGES])
    everything = checkpoint.config.model_copy(update={"layers": ["all"]})
    layers, _ = survey_layers(view.network, images, everything, count_them=False)
    return {layer.module: layer for layer in reversed(layers) if layer.side == "output"}


def _thresholds(config: DepthwiseConfig, layers: Sequence[FittedLayer]) -> dict[int, float]:
    """What a kernel's r^2 must exceed, by kernel size."""
    rate = config.false_positive_rate
    found = {}
    for size in sorted({each.size for each in layers}):
        own = [each for each in layers if each.size == size]
        nulls: dict[str, Callable[[], float]] = {
            "gaussian": partial(_gaussian_threshold, size, rate, config.seed),
            "permuted": partial(_joined_threshold, [o.permuted for o in own], rate),
            "initial": partial(_joined_threshold, [o.initial.fit for o in own], rate),
        }
        asked = list(nulls) if config.null == "strictest" else [config.null]
        levels = [nulls[name]() for name in asked]
        found[size] = float(np.nanmax(levels)) if np.isfinite(levels).any() else 1.0
    return found


def _joined_threshold(fits: Sequence[FamilyFit], rate: float) -> float:
    return null_threshold(join_fits(fits), rate)


@lru_cache(maxsize=32)
def _gaussian_threshold(size: int, rate: float, seed: int) -> float:
    shapes = gaussian_kernels(size, NUM_GAUSSIAN, np.random.default_rng([seed, size]))
    return null_threshold(fit_families(shapes), rate)


def _summary(layers: Sequence[FittedLayer], thresholds: dict[int, float]) -> Iterator[Any]:
    """What all kernels of some layers are, together."""

    def families(fits: Sequence[FamilyFit]) -> NDArray[np.int64]:
        pairs = zip(fits, layers, strict=True)
        return np.concatenate([classify(fit, thresholds[each.size]) for fit, each in pairs])

    fit = join_fits([each.trained.fit for each in layers])
    initial, permuted = [each.initial.fit for each in layers], [each.permuted for each in layers]
    alive = fit.best != OTHER
    summary = summarize_kernels(
        fit,
        families([each.trained.fit for each in layers]),
        np.concatenate([each.trained.shapes.mean_share for each in layers]),
        null_families=families(initial)[join_fits(initial).best != OTHER],
    )
    shuffled = families(permuted)[join_fits(permuted).best != OTHER]
    keys = np.concatenate([each.keys.best_r2 for each in layers])[alive]
    spans = np.concatenate([each.keys.span_r2 for each in layers])[alive]
    means = [float(np.mean(v)) if len(v) else np.nan for v in (shuffled != OTHER, keys, spans)]
    return quantities(summary, *means)


def _clustered(
    config: DepthwiseConfig, clusters: ClustersConfig, layers: Sequence[FittedLayer]
) -> tuple[list[tuple[str, float]], pa.Table]:
    """Of the kernel size that most kernels have; nothing where these are too few."""
    from sweep.measuring.clustered import (
        SCHEMA as CLUSTERS,
    )
    from sweep.measuring.clustered import (
        cluster_all,
        cluster_numbers,
        cluster_table,
        largest_group,
    )

    groups: dict[int, list[NDArray[np.float64]]] = {}
    for each in layers:
        shapes = each.trained.shapes
        groups.setdefault(each.size, []).append(shapes.shapes[~shapes.is_dead])
    kernels = largest_group([np.concatenate(group) for group in groups.values()])
    if kernels is None:
        return [], CLUSTERS.empty_table()
    found = cluster_all(kernels, clusters, config.seed)
    numbers = cluster_numbers(kernels, found, config.seed)
    return numbers, cluster_table(kernels.shape[1], kernels, found)


def _table(layers: Sequence[FittedLayer], thresholds: dict[int, float]) -> pa.Table:
    """A row a kernel. values, initial: of unit norm, mean 0, row after row; zeros if dead.

    family: that it is classified as; null of a dead one. best: the family whose template fits
    best, classified or not. initial_family: of the same kernel before training.
    """
    parts = [_rows_of(each, thresholds[each.size]) for each in layers]
    columns = {name: [value for part in parts for value in part[name]] for name in SCHEMA.names}
    return pa.Table.from_pydict(columns, schema=SCHEMA)


SCHEMA = pa.schema(
    [
        ("layer", pa.string()),
        ("layer_index", pa.int32()),
        ("relative_depth", pa.float64()),
        ("kernel", pa.int32()),
        ("size", pa.int32()),
        ("norm", pa.float64()),
        ("dc_share", pa.float64()),
        ("family", pa.string()),
        ("best", pa.string()),
        ("r2", pa.float64()),
        ("runner_up", pa.string()),
        ("margin", pa.float64()),
        ("threshold", pa.float64()),
        ("sigma", pa.float64()),
        ("ratio", pa.float64()),
        ("angle", pa.float64()),
        ("offset_x", pa.float64()),
        ("offset_y", pa.float64()),
        ("key", pa.string()),
        ("key_r2", pa.float64()),
        ("key_margin", pa.float64()),
        ("initial_family", pa.string()),
        ("initial_r2", pa.float64()),
        ("values", pa.list_(pa.float32())),
        ("initial", pa.list_(pa.float32())),
    ]
)


def _rows_of(each: FittedLayer, threshold: float) -> dict[str, Sequence[Any]]:
    fit, shapes, initial = each.trained.fit, each.trained.shapes, each.initial
    count = len(fit.best)

    def flat(kernels: NormalizedKernels) -> list[Any]:
        return list(kernels.shapes.reshape(len(kernels.shapes), -1).astype(np.float32))

    return {
        "layer": [each.layer.name] * count,
        "layer_index": [each.layer.index] * count,
        "relative_depth": [each.layer.relative_depth] * count,
        "kernel": range(count),
        "size": [each.size] * count,
        "norm": shapes.norms.tolist(),
        "dc_share": shapes.mean_share.tolist(),
        "family": _names(fit, threshold),
        "best": _best(fit.best),
        "r2": fit.best_r2.tolist(),
        "runner_up": _best(fit.runner_up),
        "margin": fit.margin.tolist(),
        "threshold": [threshold] * count,
        "sigma": fit.sigma.tolist(),
        "ratio": fit.ratio.tolist(),
        "angle": fit.angle.tolist(),
        "offset_x": fit.offset[:, 0].tolist(),
        "offset_y": fit.offset[:, 1].tolist(),
        "key": [MASTER_KEYS[key] if key >= 0 else None for key in each.keys.best],
        "key_r2": each.keys.best_r2.tolist(),
        "key_margin": each.keys.margin.tolist(),
        "initial_family": _names(initial.fit, threshold),
        "initial_r2": initial.fit.best_r2.tolist(),
        "values": flat(shapes),
        "initial": flat(initial.shapes),
    }


def _names(fit: FamilyFit, threshold: float) -> list[str | None]:
    classified = _best(classify(fit, threshold))
    dead = fit.best == OTHER
    return [
        None if gone else name or CALLED_OTHER for name, gone in zip(classified, dead, strict=True)
    ]


def _best(families: NDArray[np.int64]) -> list[str | None]:
    return [FAMILIES[number] if number != OTHER else None for number in families]
