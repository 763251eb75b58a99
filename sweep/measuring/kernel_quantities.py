"""What sums up the depthwise kernels of a layer or a network: names and numbers of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from estimators.kernel_summary import NUM_BINS, KernelSummary
from estimators.kernel_templates import FAMILIES

ORIENTATIONS = tuple(f"orientation_{round(part * 180 / NUM_BINS):03d}" for part in range(NUM_BINS))
QUANTITIES = (
    "classified_share",
    "initial_share",
    "excess_share",
    "permuted_share",
    "median_r2",
    "median_margin",
    "entropy",
    "key_r2",
    "key_span_r2",
    "mean_dc_share",
    "dead_share",
    *(f"share_{family}" for family in FAMILIES),
    *ORIENTATIONS,
)
CLUSTERS = (
    "num_clusters",
    "cluster_stability",
    "cluster_explained",
    "ways_adjusted_rand",
    "ways_adjusted_mutual",
    "structure_found",
    "structure_p_value",
)

Quantity = tuple[str, float, float | None, float | None]


def quantities(
    summary: KernelSummary, permuted_share: float, key_r2: float, key_span_r2: float
) -> Iterator[Quantity]:
    """(name, value, low, high), without what has no value.

    classified_share: of kernels that aren't dead, above the threshold of their size; initial_share
    and permuted_share: the same of the network at initialization, and of the kernels with their
    pixels shuffled; excess_share: how much more than at initialization. entropy: of the families,
    over its largest. key_r2: what each kernel's best master key explains, on average; key_span_r2:
    what all eight do. orientation_045: share of the oriented kernels (derivatives and differences)
    nearest to that angle in degrees, modulo 180.
    """
    initial = math.nan if summary.null_classified is None else summary.null_classified
    found: list[Quantity] = [
        ("classified_share", summary.classified, *summary.classified_interval),
        ("initial_share", initial, None, None),
        ("excess_share", summary.classified - initial, None, None),
        ("permuted_share", permuted_share, None, None),
        ("median_r2", summary.median_r2, None, None),
        ("median_margin", summary.median_margin, None, None),
        ("entropy", summary.normalized_entropy, None, None),
        ("key_r2", key_r2, None, None),
        ("key_span_r2", key_span_r2, None, None),
        ("mean_dc_share", summary.mean_dc_share, None, None),
        ("dead_share", summary.dead_share, None, None),
    ]
    for number, family in enumerate(FAMILIES):
        low, high = summary.family_intervals[number].tolist()
        found.append((f"share_{family}", float(summary.family_shares[number]), low, high))
    oriented = int(summary.orientations.sum())
    if oriented:
        shares = (summary.orientations / oriented).tolist()
        found += [
            (name, share, None, None) for name, share in zip(ORIENTATIONS, shares, strict=True)
        ]
    return (each for each in found if math.isfinite(each[1]))
