"""Variants side by side: the profile of each family as it is, with noise, with a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sweep.report.picture import COLORS
from sweep.report.profiles import MeanProfile, mean_profile
from sweep.results import TrialResult
from sweep.summary import shown_variants, variant

# By the first word of a variant.
VARIANT_COLORS = {"true": COLORS[0], "label": COLORS[1], "gradient": COLORS[2]}


def variant_color(name: str) -> str:
    """The color of a variant in every figure."""
    return VARIANT_COLORS.get(name.split()[0], COLORS[6])


def variant_profiles(
    results: Sequence[TrialResult], family: str, quantity: str
) -> Iterator[tuple[str, MeanProfile]]:
    """The variants of a family that have a profile, with its mean over their trials."""
    for name in shown_variants(results):
        members = [
            result
            for result in results
            if result.trial.config.model.name == family and variant(result.trial) == name
        ]
        profile = mean_profile(members, quantity)
        if profile is not None:
            yield name, profile
