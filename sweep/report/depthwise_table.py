"""Families of depthwise kernels across the networks of a sweep, and what goes with their share."""

from __future__ import annotations

from typing import Any

from sweep.measuring.depthwise import DepthwiseAnalysis
from sweep.report.kernel_sets import NUM_KERNELS
from sweep.report.over_seeds import variants_of
from sweep.report.relations import relations_of
from sweep.results import SweepResults

SHARE = "depthwise_network/classified_share"
RELATED = (SHARE, "depthwise_network/excess_share", "depthwise_network/key_r2")
SUMMED = (
    "test_accuracy",
    SHARE,
    "depthwise_network/initial_share",
    "depthwise_network/permuted_share",
    "depthwise_network/median_r2",
    "depthwise_network/entropy",
    "depthwise_network/key_r2",
)


def depthwise_context(results: SweepResults) -> dict[str, Any]:
    """What the section of the report shows; nothing for a sweep that measures no kernels."""
    has: dict[str, bool] = {}
    for each in results.results:
        name = each.trial.name.removesuffix(f"-s{each.trial.config.training.seed}")
        for row in each.rows:
            if row.quantity == NUM_KERNELS:
                has[name] = row.value > 0
    having = [one for one in variants_of(results, SUMMED) if has.get(one.name)]
    return {
        "measures_kernels": bool(has),
        "kernel_variants": having,
        "without_kernels": [name for name, some in has.items() if not some],
        "kernel_relations": (
            relations_of(results, RELATED, DepthwiseAnalysis.name) if having else []
        ),
    }
