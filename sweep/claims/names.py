"""Whether claims name what their sweep measures: told before any work."""

from __future__ import annotations

from collections.abc import Sequence

from sweep.claims.choosing import HISTORY_KEYS, ROLE
from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.measuring import make_analyses
from sweep.nearest import nearest
from sweep.reader import axis_names
from sweep.scalars import SUMMARIES, scalar_name

ROLES = ("trained", "untrained")


def check_claims(config: SweepConfig) -> None:
    """Raise UserError with the nearest name if a claim names what the sweep doesn't measure."""
    analyses = make_analyses(config.analyses)
    layered = [name for analysis in analyses for name in analysis.layer_quantities]
    scalars = [name for analysis in analyses for name in analysis.network_quantities]
    scalars += [scalar_name(name, summary) for name in layered for summary in SUMMARIES]
    keys = [ROLE, *axis_names(), *scalars, *HISTORY_KEYS]
    for number, claim in enumerate(config.claims):
        at = f"claims.{number}"
        known = {"scalar": scalars, "correlation": [*layered, *scalars]}.get(
            claim.statistic, layered
        )
        _require(f"{at}.quantity", claim.quantity, known)
        if claim.over is not None:
            _require(f"{at}.over", claim.over, layered)
        if claim.statistic == "correlation":
            _require(f"{at}.response", claim.response, scalars)
        for key in claim.where:
            if key not in keys:
                raise UserError(f"{at}.where: unknown key {key!r}; {nearest(key, keys)}")
        role = claim.where.get(ROLE, ROLES[0])
        for one in role if isinstance(role, list) else [role]:
            if one not in ROLES:
                raise UserError(f"{at}.where.role: must be trained or untrained, but got {one!r}")


def _require(at: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UserError(f"{at}: this sweep measures no {name!r}; {nearest(name, known)}")
