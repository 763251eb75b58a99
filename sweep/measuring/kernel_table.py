"""A table of all depthwise kernels of a checkpoint, a row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimators.kernel_fit import FamilyFit
from estimators.kernel_nulls import classify
from estimators.kernel_templates import FAMILIES, OTHER
from estimators.kernels import NormalizedKernels
from estimators.master_keys import MASTER_KEYS
from sweep.measuring.fitted import FittedLayer

CALLED_OTHER = "other"


def kernel_table(layers: Sequence[FittedLayer], thresholds: Mapping[int, float]) -> pa.Table:
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
