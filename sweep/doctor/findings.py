"""Findings of a diagnosis, and what every check makes them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sweep.doctor.facts import Facts, NodeFacts

Level = Literal["ok", "warn", "FAIL"]
OK: Level = "ok"
WARN: Level = "warn"
FAIL: Level = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line: the check, how it went, the numbers, and if it did not go well the remedy."""

    check: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in order."""

    findings: tuple[Finding, ...]
    seconds: float

    def count(self, level: Level) -> int:
        """How many findings are of this level."""
        return sum(finding.level == level for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "ok": not self.count(FAIL),
            "seconds": round(self.seconds, 1),
            "findings": [asdict(finding) for finding in self.findings],
        }


def nodes_that_answer(facts: Facts) -> list[NodeFacts]:
    """The nodes that answered."""
    return [one for one in facts.cluster.nodes if one.node.alive and one.told]


def pairs_told(facts: Facts, name: str) -> list[tuple[NodeFacts, tuple[float, float]]]:
    """Pairs of numbers that nodes told, of those that know them."""
    return [
        (one, (one.told[name][0], one.told[name][1]))
        for one in nodes_that_answer(facts)
        if one.told.get(name) is not None
    ]


def worst_of(facts: Facts, one: NodeFacts) -> str:
    """Which node, where there are several: the worst of them."""
    return f" (worst: {one.node.address})" if len(nodes_that_answer(facts)) > 1 else ""


def by_bounds(good: bool, bearable: bool, check: str, text: str, remedy: str) -> Finding:
    """Of a number: well, a warning while it is bearable, or a failure."""
    level: Level = "ok" if good else "warn" if bearable else "FAIL"
    return Finding(check, level, text, "" if good else remedy)


def few_names(names: Sequence[str] | Iterator[str]) -> str:
    """A few of them, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
    return ", ".join(listed[:4]) + more
