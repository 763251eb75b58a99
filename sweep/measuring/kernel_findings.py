"""What the depthwise kernels of a checkpoint come to: rows, a table of all, and their clusters.

Legend: F families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit, fit_families, join_fits
from estimators.kernel_nulls import NUM_GAUSSIAN, classify, gaussian_kernels, null_threshold
from estimators.kernel_summary import summarize_kernels
from estimators.kernel_templates import OTHER
from sweep.config import ClustersConfig, DepthwiseConfig
from sweep.measuring.checkpoint import NetworkView
from sweep.measuring.counting import Findings
from sweep.measuring.fitted import FittedLayer, fit_layers, place_layers
from sweep.measuring.kernel_quantities import quantities
from sweep.measuring.kernel_table import kernel_table
from sweep.models.depthwise import depthwise_layers

NUM_KERNELS = "depthwise_network/num_kernels"


def conclude(analysis: str, config: DepthwiseConfig, view: NetworkView) -> Findings:
    """Rows of each depthwise convolution and of the network, and the table `kernels`.

    A network without any has one row, that it has none.
    """
    checkpoint = view.checkpoint
    found, left_out = depthwise_layers(view.network)
    placed, unseen = place_layers(view, found) if found else ([], [])
    settings: dict[str, Any] = {
        "null": config.null,
        "false_positive_rate": config.false_positive_rate,
        "seed": config.seed,
        "left_out": [f"{_short(each.module)}: {each.reason}" for each in (*left_out, *unseen)],
    }
    count = sum(len(each.kernels) for _, each in placed)
    rows = [checkpoint.row(analysis, NUM_KERNELS, float(count), settings=settings)]
    if not placed:
        return Findings(rows, {"kernels": kernel_table([], {})})
    layers = list(fit_layers(config.seed, view, placed))
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
    tables = {"kernels": kernel_table(layers, thresholds)}
    if config.clusters is not None:
        more, tables["clusters"] = _clustered(config, config.clusters, layers)
        rows += [
            checkpoint.row(
                analysis, f"depthwise_network/{name}", value, num_samples=count, settings=whole
            )
            for name, value in more
        ]
    return Findings(rows, tables)


def _short(module: str) -> str:
    """As layers are named: the network that is given lies within ours."""
    return module.removeprefix("network.")


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
    kernels = largest_group([np.concatenate(group) for group in groups.values()], clusters)
    if kernels is None:
        return [], CLUSTERS.empty_table()
    found = cluster_all(kernels, clusters, config.seed)
    numbers = cluster_numbers(kernels, found, config.seed)
    return numbers, cluster_table(kernels.shape[1], kernels, found)
