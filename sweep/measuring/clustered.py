"""Clusters of a network's depthwise kernels, found without templates, in four ways.

Legend: K kernels of k x k pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimators.cluster_agreement import cluster_agreement
from estimators.cluster_null import NUM_PATTERNS, find_structure
from estimators.kernel_clusters import NONE, Clusters, cluster_kernels
from estimators.kernel_ways import WAYS, Way
from sweep.config import ClustersConfig

Floats = NDArray[np.float64]

MIN_KERNELS = 40  # with fewer, any partition explains much
MAIN = "kmeans"
SCHEMA = pa.schema(
    [
        ("way", pa.string()),
        ("size", pa.int32()),
        ("cluster", pa.int32()),
        ("num_kernels", pa.int64()),
        ("center", pa.list_(pa.float32())),
        ("members", pa.list_(pa.list_(pa.float32()))),
    ]
)


def cluster_all(
    kernels: Floats, config: ClustersConfig, seed: int, ways: Mapping[str, Way] = WAYS
) -> dict[str, Clusters]:
    """By way. kernels: (K, k, k), none of them dead. ways: such as others that take less time."""
    return {
        name: cluster_kernels(
            kernels, way, config.num_clusters, num_seeds=config.num_seeds, seed=seed
        )
        for name, way in ways.items()
    }


def cluster_numbers(
    kernels: Floats, found: dict[str, Clusters], seed: int
) -> list[tuple[str, float]]:
    """(name, value): of the main way, how alike the ways are, and whether there is structure.

    structure_found: 1 where the clusters explain more than those of both nulls, else 0;
    structure_p_value: the larger of the two nulls'.
    """
    main = found[MAIN]
    agreement = cluster_agreement({way: each.labels for way, each in found.items()})
    pairs = np.triu_indices(len(agreement.names), 1)
    number = min(NUM_PATTERNS, len(kernels) - 1)
    structure = find_structure(kernels, MAIN, number, seed=seed)
    return [
        ("num_clusters", float(main.num_clusters)),
        ("cluster_stability", main.stability),
        ("cluster_explained", main.explained),
        ("ways_adjusted_rand", float(agreement.adjusted_rand[pairs].mean())),
        ("ways_adjusted_mutual", float(agreement.adjusted_mutual[pairs].mean())),
        ("structure_found", float(structure.found)),
        ("structure_p_value", max(structure.permuted.p_value, structure.gaussian.p_value)),
    ]


def cluster_table(size: int, kernels: Floats, found: dict[str, Clusters]) -> pa.Table:
    """A row a cluster: its mean kernel, and the members nearest to that, row after row."""
    flat = np.asarray(kernels, np.float32).reshape(len(kernels), -1)
    rows = [
        {
            "way": way,
            "size": size,
            "cluster": number,
            "num_kernels": int(each.sizes[number]),
            "center": each.centers[number].ravel().tolist(),
            "members": [flat[kernel].tolist() for kernel in each.members[number] if kernel != NONE],
        }
        for way, each in found.items()
        for number in range(each.num_clusters)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def largest_group(groups: Sequence[Floats], config: ClustersConfig) -> Floats | None:
    """Of kernels by size the most; None where those that differ are too few to cluster."""
    most = max(groups, key=len, default=None)
    needed = max(MIN_KERNELS, (config.num_clusters or 0) + 1)
    if most is None or len(np.unique(most, axis=0)) < needed:
        return None
    return most
