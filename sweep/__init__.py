"""idsweep: sweep many networks, measure how each one folds and unfolds its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.api import (
        compare,
        dissect,
        estimate,
        figures,
        kernels,
        predict,
        profile,
        regress,
        run,
        run_suite,
    )

__all__ = [
    "compare",
    "dissect",
    "estimate",
    "figures",
    "kernels",
    "predict",
    "profile",
    "regress",
    "run",
    "run_suite",
]


def __getattr__(name: str) -> Any:
    # Ray, torch and MLflow take seconds to import: not for `idsweep --help`.
    if name in __all__:
        from sweep import api

        return getattr(api, name)
    raise AttributeError(f"module 'sweep' has no attribute {name!r}")
