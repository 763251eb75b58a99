"""Sweeps, architectures or checkpoints side by side: what differs, and what is noise."""

from sweep.comparison.compare import compare_groups, compare_read
from sweep.comparison.naming import Named, parse_name
from sweep.comparison.result import Comparison, Difference, Pair, ProfileComparison

__all__ = [
    "Comparison",
    "Difference",
    "Named",
    "Pair",
    "ProfileComparison",
    "compare_groups",
    "compare_read",
    "parse_name",
]
