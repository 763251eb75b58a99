"""A page for the depthwise kernels of a sweep, or of one network: families, clusters, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estimators.kernel_templates import FAMILIES, draw_templates, formula_of
from estimators.master_keys import MASTER_KEYS, explained_by_keys, master_keys
from sweep.report.kernel_clusters import (
    MOST_KERNELS,
    NUM_SEEDS,
    OneCluster,
    Pooled,
    cluster_pooled,
    remove_others,
)
from sweep.report.kernel_figures import (
    Bar,
    bar_of,
    by_depth,
    by_epoch,
    by_layer,
    by_network,
    by_size,
    dots_of,
    top_of,
)
from sweep.report.kernel_pictures import COLORS, ORDER, Picture, draw_kernels, family_name
from sweep.report.kernel_sets import KernelSet, kernels_of_sweep, pool, shapes_of, sizes_of
from sweep.results import SweepResults
from sweep.sealing import write_file

IDEAL_SIZE, IDEAL_SIGMA, IDEAL_RATIO = 7, 0.95, 2.0
NUM_SHOWN = 5  # kernels of each family and size
SMALL = 26  # pixels of a kernel at initialization, beside the trained one
MOST_LINES = 200


@dataclass(frozen=True)
class Shown:
    """One kernel of the gallery. before: the same one at initialization."""

    picture: Picture
    before: Picture
    r2: float
    margin: float
    where: str


def write_kernels_page(results: SweepResults) -> list[Path]:
    """The page, unless no network has any; one from before is removed."""
    paths = results.work.sweep_paths
    sets = kernels_of_sweep(results)
    if not sets:
        paths.kernels.unlink(missing_ok=True)
        return []
    write_file(paths.kernels, render_kernels(sets, results.work.config.name, paths.clustered))
    return [paths.kernels]


def render_kernels(sets: Sequence[KernelSet], title: str, folder: Path | None = None) -> str:
    """The page as HTML: it needs no network and no other file.

    sets: of one network or more, each with some kernels. folder: keeps the clusters, see
    `cluster_pooled`.
    """
    from sweep.report.page import templates

    kernels = pool(sets)
    clusters = cluster_pooled(kernels, folder)
    if folder is not None:
        remove_others(folder, clusters)
    models, dots = dots_of(sets)
    sizes, depths, epochs = by_size(kernels), by_depth(kernels), by_epoch(sets)
    lines = by_layer(sets[0]) if len(sets) == 1 else by_network(sets)
    return (
        templates()
        .get_template("kernels.html.j2")
        .render(
            title=title,
            num_networks=len(sets),
            num_kernels=sum(len(each.kernels) for each in sets),
            num_dead=sum(int(each.kernels["family"].isna().sum()) for each in sets),
            settings=sets[0].settings,
            thresholds=_thresholds(kernels),
            left_out=sorted({f"{name}" for each in sets for name in each.settings["left_out"]}),
            colors=COLORS,
            names={family: family_name(family) for family in ORDER},
            ideals=_ideals(),
            sizes=sizes,
            depths=depths,
            epochs=epochs,
            top=top_of([*sizes, *depths, *epochs], dots),
            models=models,
            dots=dots,
            lines=lines[:MOST_LINES],
            lines_left=max(0, len(lines) - MOST_LINES),
            clusters=[_drawn(each, kernels) for each in clusters],
            most_kernels=MOST_KERNELS,
            num_seeds=NUM_SEEDS,
            gallery=_gallery(kernels),
            keys=_keys(kernels),
        )
    )


def _thresholds(kernels: pd.DataFrame) -> list[tuple[int, float, float]]:
    """By size, least and largest: each network may have its own."""
    levels = [(size, own["threshold"]) for size, own in sizes_of(kernels)]
    return [(size, float(own.min()), float(own.max())) for size, own in levels]


def _ideals() -> dict[str, Picture]:
    """Each family as its formula has it, for the legend."""
    found = {}
    for family in FAMILIES:
        formula = formula_of(family)
        offset = (0.5, 0.0) if formula == "difference" else (0.0, 0.0)
        sigma = 0.6 if formula in ("cross", "difference") else IDEAL_SIGMA
        sides = [np.array([number]) for number in (sigma, IDEAL_RATIO, 0.0)]
        drawn = draw_templates(formula, IDEAL_SIZE, np.array([offset]), *sides)
        sign = -1.0 if family.startswith("off_") else 1.0
        found[family] = draw_kernels(sign * drawn.reshape(1, IDEAL_SIZE, IDEAL_SIZE), side=28)
    return found


def _gallery(kernels: pd.DataFrame) -> list[dict[str, Any]]:
    """Family by family the kernels that fit best, by size."""
    found = []
    for family in FAMILIES:
        own = kernels[kernels["family"] == family]
        rows = [
            {"size": size, "count": len(group), "shown": _shown(group)}
            for size, group in sizes_of(own)
        ]
        found.append({"family": family, "count": len(own), "rows": rows})
    return found


def _shown(group: pd.DataFrame) -> list[Shown]:
    best = group.sort_values("r2", ascending=False, kind="stable").head(NUM_SHOWN)
    rows: list[Any] = list(best.itertuples())
    pairs = zip(shapes_of(best), shapes_of(best, "initial"), rows, strict=True)
    return [
        Shown(
            draw_kernels(trained[None]),
            draw_kernels(initial[None], SMALL),
            row.r2,
            row.margin,
            f"{row.network}, {row.layer}, kernel {row.kernel}",
        )
        for trained, initial, row in pairs
    ]


def _drawn(pooled: Pooled, kernels: pd.DataFrame) -> dict[str, Any]:
    """Clusters with pictures."""
    ways = []
    for way in pooled.ways:
        shapes = shapes_of(kernels.loc[pooled.drawn])
        ways.append({"way": way, "clusters": [_one(each, shapes) for each in way.clusters]})
    return {"pooled": pooled, "ways": ways}


def _one(cluster: OneCluster, shapes: Any) -> dict[str, Any]:
    bar: Bar = bar_of(cluster.families)
    return {
        "count": cluster.num_kernels,
        "center": draw_kernels(np.array([cluster.center])),
        "members": draw_kernels(shapes[cluster.members]),
        "bar": bar,
        "most": [
            (family_name(name), count / cluster.num_kernels)
            for name, count in list(cluster.families.items())[:2]
        ],
    }


def _keys(kernels: pd.DataFrame) -> dict[str, Any]:
    """The master keys, and by size how many kernels have each as best, and how well it fits."""
    sizes = dict(sizes_of(kernels))
    ideal = master_keys(7)
    rows = []
    for number, name in enumerate(MASTER_KEYS):
        cells = []
        for own in sizes.values():
            fits = own.loc[own["key"] == name, "key_r2"]
            cells.append((len(fits), float(fits.mean()) if len(fits) else None))
        picture = draw_kernels(ideal[number : number + 1])
        rows.append({"name": family_name(name), "picture": picture, "cells": cells})
    means = [
        (
            float(own["key_r2"].mean()),
            float(explained_by_keys(shapes_of(own, "initial")).best_r2.mean()),
        )
        for own in sizes.values()
    ]
    return {"sizes": list(sizes), "rows": rows, "means": means}
