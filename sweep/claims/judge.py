"""Claims judged: an estimate with its interval for each, and what its rule says of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sweep.claims.choosing import choose, in_words
from sweep.claims.intervals import Estimate, estimate_values, read_values
from sweep.claims.statistics import NoValueError, is_on_log, no_effect
from sweep.config import ClaimConfig, RegressionConfig
from sweep.results import SweepResults, TrialResult
from sweep.sealing import MANIFEST

Verdict = Literal["shown", "reversed", "not shown", "not measured"]


@dataclass(frozen=True)
class ClaimResult:
    """What came out of a claim.

    estimate, low, high: with its 95% interval; None if it is not measured. over: what the
        interval is over: "configurations", whose seeds are averaged first, or "seeds" of
        the only one.
    measured, rule: in words. published: the same statistic of the paper's numbers, and its source.
    verdict: "shown" if the interval lies on the claimed side of the rule, "reversed" if it
        lies beyond both the rule and no effect, "not shown" if it does neither.
    note: who was left out, or why it is not measured.
    """

    claim: str
    statistic: str
    quantity: str
    measured: str
    estimate: float | None
    low: float | None
    high: float | None
    rule: str
    claimed: tuple[float | None, float | None]
    published: float | None
    source: str
    verdict: Verdict
    num_networks: int
    num_configurations: int
    over: str
    note: str
    on_log: bool


@dataclass(frozen=True)
class SweepClaims:
    """All claims of a sweep. date: when its newest network was sealed; "" if none is."""

    sweep: str
    data: str
    date: str
    claims: list[ClaimResult]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def judge_claims(results: SweepResults) -> SweepClaims:
    """Judge the claims of a sweep over its networks that are sealed."""
    config = results.work.config
    return SweepClaims(
        config.name,
        results.work.data.name,
        _newest(results),
        [judge(claim, results.results, config.regression) for claim in config.claims],
    )


def judge(
    claim: ClaimConfig, results: Sequence[TrialResult], regression: RegressionConfig
) -> ClaimResult:
    """Judge one claim.

    A number of a network is averaged over the seeds of each configuration, and the
    interval is Student's t over configurations; over the networks themselves where all
    are of one configuration. Ratios are averaged by their logarithms. A correlation has
    its bootstrap interval over whole configurations; regression: its resamples and seed.
    """
    chosen, left_out = choose(claim, results)
    notes = [
        f"{count} left out: not {in_words(key, claim.where[key])}"
        for key, count in left_out.items()
    ]
    found = read_values(claim, chosen, results)
    notes += [f"{count} without a value: {reason}" for reason, count in found.without.items()]
    estimate: Estimate | None = None
    try:
        if not chosen:
            raise NoValueError("no such network is measured")
        estimate = estimate_values(claim, found, regression)
    except NoValueError as error:
        notes.append(str(error))
    low, high = (estimate.low, estimate.high) if estimate else (None, None)
    return ClaimResult(
        claim=claim.claim,
        statistic=claim.statistic,
        quantity=claim.quantity,
        measured=claim.measured,
        estimate=estimate.value if estimate else None,
        low=low,
        high=high,
        rule=claim.rule,
        claimed=claim.interval,
        published=claim.published,
        source=claim.source,
        verdict=decide(low, high, claim.interval, no_effect(claim.statistic)),
        num_networks=len(found.values),
        num_configurations=len(set(found.configurations)),
        over=estimate.over if estimate else "",
        note="; ".join(notes),
        on_log=is_on_log(claim.statistic),
    )


def decide(
    low: float | None,
    high: float | None,
    claimed: tuple[float | None, float | None],
    null: float | None = None,
) -> Verdict:
    """What a rule says of an interval; claimed: from, to, of which None has no end.

    null: the value that means no effect, 1 of a ratio; an interval between it and the rule
        falls short of the claim, and reverses nothing.

    >>> decide(1.2, 1.5, (1.1, None)), decide(0.8, 1.0, (1.1, None)), decide(1.0, 1.5, (1.1, None))
    ('shown', 'reversed', 'not shown')
    >>> decide(1.4, 1.8, (2, None), null=1), decide(0.4, 0.8, (2, None), null=1)
    ('not shown', 'reversed')
    """
    if low is None or high is None:
        return "not measured"
    least = -math.inf if claimed[0] is None else claimed[0]
    most = math.inf if claimed[1] is None else claimed[1]
    if least < low and high < most:
        return "shown"
    if null is not None:
        least, most = min(least, null), max(most, null)
    return "reversed" if high < least or low > most else "not shown"


def _newest(results: SweepResults) -> str:
    work = results.work
    times = [
        (work.paths(r.trial).checkpoint(r.trial.epoch) / MANIFEST).stat().st_mtime
        for r in results.results
    ]
    return datetime.fromtimestamp(max(times), UTC).date().isoformat() if times else ""
