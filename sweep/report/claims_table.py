"""Claims and what came out, as a table: in the terminal, on pages, as CSV."""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from sweep.claims import ClaimResult, SweepClaims
from sweep.report.claims_figure import claims_png
from sweep.report.console import plain_table, say
from sweep.spreadsheet import plain_text

NUMERIC = {"networks"}
_table = partial(plain_table, numeric=NUMERIC)


@dataclass(frozen=True)
class ClaimLine:
    """One claim on one data set, in words. first: whether it is the claim's first line."""

    claim: str
    data: str
    measured: str
    estimate: str
    rule: str
    published: str
    source: str
    verdict: str
    networks: str
    note: str
    first: bool


def claim_lines(found: Sequence[SweepClaims]) -> list[ClaimLine]:
    """Claim by claim, the sweeps below each other."""
    claims = dict.fromkeys(one.claim for sweep in found for one in sweep.claims)
    lines: list[ClaimLine] = []
    for claim in claims:
        members = [(sweep, one) for sweep in found for one in sweep.claims if one.claim == claim]
        lines += [
            _line(sweep, one, first=number == 0) for number, (sweep, one) in enumerate(members)
        ]
    return lines


def print_claims(found: Sequence[SweepClaims], console: Console) -> None:
    """Claim by claim: its estimate by its rule, the published number, the verdict."""
    lines = claim_lines(found)
    if not lines:
        return
    table = _table("", "data", "estimate", "claimed", "published", "verdict", "networks")
    for line in lines:
        table.add_row(
            line.claim if line.first else "",
            line.data,
            line.estimate,
            line.rule,
            line.published,
            line.verdict,
            line.networks,
        )
    console.print(table)
    say(
        console,
        "estimate: mean [95% interval over configurations]; shown: the interval lies where the "
        "rule of the sweep file says; reversed: it lies beyond; networks: in configurations",
    )
    for line in lines:
        if line.note:
            say(console, f"{line.claim} ({line.data}): {line.note}")
    dates = {sweep.sweep: sweep.date for sweep in found}
    say(console, "measured: " + ", ".join(f"{name} {date}" for name, date in dates.items()))


def claims_context(found: Sequence[SweepClaims]) -> dict[str, Any]:
    """What the template `claims.html.j2` is filled with."""
    lines = claim_lines(found)
    picture = b64encode(claims_png(found)).decode() if lines else ""
    dates = sorted({sweep.date for sweep in found})
    return {"claims": lines, "claims_picture": picture, "claims_date": " and ".join(dates)}


def claims_csv(found: Sequence[SweepClaims]) -> str:
    """One line a claim and sweep, numbers unrounded; "" where there is none."""
    sink = io.StringIO()
    names = (
        "claim", "statistic", "quantity", "estimate", "low", "high", "over", "rule", "published",
        "source", "verdict", "num_networks", "num_configurations", "note",
    )  # fmt: skip
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["sweep", "data", "date", *names])
    for sweep in found:
        for one in sweep.claims:
            writer.writerow(
                map(
                    plain_text,
                    [sweep.sweep, sweep.data, sweep.date, *(getattr(one, name) for name in names)],
                )
            )
    return sink.getvalue()


def _line(sweep: SweepClaims, one: ClaimResult, *, first: bool) -> ClaimLine:
    return ClaimLine(
        claim=one.claim,
        data=sweep.data,
        measured=one.measured,
        estimate=estimate_text(one),
        rule=one.rule,
        published="" if one.published is None else f"{one.published:g}",
        source=one.source,
        verdict=one.verdict,
        networks=f"{one.num_networks} in {one.num_configurations}",
        note=one.note,
        first=first,
    )


def estimate_text(one: ClaimResult) -> str:
    """Such as "2.31 [1.9, 2.8]"; "" if it is not measured."""
    if one.estimate is None or one.low is None or one.high is None:
        return ""
    form = "+.2f" if one.statistic == "correlation" else ".3g"
    return f"{one.estimate:{form}} [{one.low:{form}}, {one.high:{form}}]"
