"""Clusters of the depthwise kernels of all networks together, size by size, for a page.

What takes longest is sealed by a digest of what went in: a report that is made again reads it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimators.cluster_agreement import cluster_agreement
from estimators.cluster_null import NUM_PATTERNS, find_structure
from estimators.kernel_clusters import NONE, Clusters
from estimators.kernel_ways import WAYS, CodeKMeans, Way
from sweep.config import ClustersConfig
from sweep.measuring.clustered import MAIN, MIN_KERNELS, cluster_all
from sweep.report.kernel_sets import Floats, shapes_of, sizes_of
from sweep.sealing import content_key, is_sealed, seal

# Less than one network's own clusters get: with all its restarts the autoencoder alone takes
# ten seconds for each kernel size.
MOST_KERNELS = 2_000
NUM_SEEDS = 2
CODES = CodeKMeans(num_steps=500, num_restarts=2)
SHOWN: dict[str, Way] = {**WAYS, CODES.name: CODES}
NUM_MEMBERS = 8
SEED = 0
FILE = "clusters.json"


@dataclass(frozen=True)
class OneCluster:
    """members: of the nearest kernels, their numbers among those drawn."""

    num_kernels: int
    families: dict[str, int]
    center: list[list[float]]
    members: list[int]


@dataclass(frozen=True)
class OneWay:
    """The clusters that one way found."""

    name: str
    criterion: str
    stability: float
    explained: float
    clusters: list[OneCluster]


@dataclass(frozen=True)
class Pooled:
    """The kernels of one size, clustered in all ways.

    key: under which it is kept. drawn: which of the pooled kernels. rand, mutual: tables of
    agreement, way by way. explained: what ten clusters explain of the kernels; nulls: by null
    the largest that they explain of its kernels, and the p-value. ways: empty where kernels are
    too few.
    """

    key: str
    size: int
    num_kernels: int
    drawn: list[int]
    ways: list[OneWay]
    rand: list[list[float]]
    mutual: list[list[float]]
    found: bool
    explained: float
    nulls: dict[str, list[float]]


def cluster_pooled(kernels: pd.DataFrame, folder: Path | None) -> list[Pooled]:
    """Kernels of all networks, of any sizes. folder: keeps what is found; None keeps nothing."""
    found = []
    for size, own in sizes_of(kernels):
        rng = np.random.default_rng(SEED)
        rows = np.sort(rng.permutation(len(own))[:MOST_KERNELS])
        drawn = own.iloc[rows]
        shapes = shapes_of(drawn)
        families = [str(name) for name in drawn["family"]]
        if len(own) < MIN_KERNELS or len(np.unique(shapes.round(6), axis=0)) < MIN_KERNELS:
            found.append(Pooled("", size, len(own), [], [], [], [], False, 0.0, {}))
            continue
        key = _key(shapes, families)
        place = None if folder is None else folder / key
        if place is not None and is_sealed(place):
            kept = json.loads((place / FILE).read_text())
        else:
            kept = _cluster(shapes, families)
            if place is not None:
                with seal(place, durable=False) as temporary:
                    (temporary / FILE).write_text(json.dumps(kept))
        ways = [
            OneWay(**{**way, "clusters": [OneCluster(**one) for one in way["clusters"]]})
            for way in kept.pop("ways")
        ]
        drawn_from = own.index[rows].tolist()
        found.append(Pooled(key, size, len(own), drawn_from, ways, **kept))
    return found


def remove_others(folder: Path, found: list[Pooled]) -> None:
    """Delete what was kept of kernels that are no more."""
    for path in folder.glob("*"):
        if path.name not in {each.key for each in found}:
            shutil.rmtree(path, ignore_errors=True)


def _key(shapes: Floats, families: list[str]) -> str:
    made_of = [
        hashlib.sha256(shapes.astype(np.float32).tobytes()).hexdigest(),
        shapes.shape[1],
        families,
        [NUM_SEEDS, SEED, NUM_MEMBERS, CODES.num_steps, CODES.num_restarts],
        version("idsweep"),
    ]
    return content_key(made_of)


def _cluster(shapes: Floats, families: list[str]) -> dict[str, Any]:
    config = ClustersConfig(num_seeds=NUM_SEEDS)
    found = cluster_all(shapes, config, SEED, SHOWN)
    agreement = cluster_agreement({way: each.labels for way, each in found.items()})
    structure = find_structure(shapes, MAIN, min(NUM_PATTERNS, len(shapes) - 1), seed=SEED)
    return {
        "ways": [asdict(_way(each, families)) for each in found.values()],
        "rand": agreement.adjusted_rand.tolist(),
        "mutual": agreement.adjusted_mutual.tolist(),
        "found": structure.found,
        "explained": structure.permuted.share,
        "nulls": {
            one.null: [float(one.null_shares.max()), one.p_value]
            for one in (structure.permuted, structure.gaussian)
        },
    }


def _way(found: Clusters, families: list[str]) -> OneWay:
    names = np.array(families)
    clusters = [
        OneCluster(
            int(found.sizes[number]),
            {str(k): int(n) for k, n in Counter(names[found.labels == number]).most_common()},
            found.centers[number].round(4).tolist(),
            [int(one) for one in found.members[number][:NUM_MEMBERS] if one != NONE],
        )
        for number in range(found.num_clusters)
    ]
    return OneWay(found.way, found.criterion, found.stability, found.explained, clusters)
