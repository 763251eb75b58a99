"""What the profiles come to, in sentences made from numbers; no side taken.

The statistics are those that claims are judged by: seeds of a configuration averaged,
95% intervals by Student's t over configurations, ratios by their logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweep.claims.intervals import Estimate, estimate_values, read_values
from sweep.claims.statistics import NoValueError
from sweep.config import ClaimConfig, RegressionConfig
from sweep.regression import family_of
from sweep.results import TrialResult
from sweep.summary import UNTRAINED, shown_variants, variant


@dataclass(frozen=True)
class Words:
    """How a ratio is told: its whole interval above 1, below 1, or neither."""

    statistic: str
    topic: str
    about: str
    above: str
    below: str
    unclear: str


SHAPE = Words(
    "peak_over_ends",
    "Shape",
    "largest layer in between over the larger of input and last hidden layer",
    "rises, then falls",
    "largest at an end",
    "no clear peak",
)
TRAINING = Words(
    "trained_over_untrained",
    "Trained against untrained",
    "last hidden layer over that of the untrained twin",
    "higher",
    "lower",
    "no clear difference",
)
END = Words(
    "rise_at_end",
    "From half depth to the last hidden layer",
    "last hidden layer over the layer at half depth",
    "rises",
    "falls",
    "no clear trend",
)


@dataclass(frozen=True)
class Finding:
    """One ratio of one family and variant, its 95% interval, and what that says in a few words."""

    words: Words
    variant: str
    family: str
    estimate: Estimate
    num_networks: int

    @property
    def verdict(self) -> str:
        """By the whole interval's side of 1; no side is presupposed."""
        if self.estimate.low > 1:
            return self.words.above
        return self.words.below if self.estimate.high < 1 else self.words.unclear


def profile_findings(results: Sequence[TrialResult], quantity: str) -> list[Finding]:
    """The shape of the profiles, what training does, and the end, by family and variant."""
    found: list[Finding] = []
    for words in (SHAPE, TRAINING, END):
        for name in shown_variants(results):
            if words is TRAINING and name == UNTRAINED:
                continue
            members = [result for result in results if variant(result.trial) == name]
            found += _findings(words, members, results, quantity, name)
    return found


def tell_findings(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """A topic and a sentence for each topic and variant: verdicts with their families."""
    told: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one in findings:
        verdicts = told.setdefault((one.words.topic, one.variant), {})
        verdicts.setdefault(one.verdict, []).append(one.family)
    return [
        (
            f"{topic}, {name}",
            "; ".join(f"{said} in {', '.join(names)}" for said, names in sorted(verdicts.items())),
        )
        for (topic, name), verdicts in told.items()
    ]


def _findings(
    words: Words,
    members: Sequence[TrialResult],
    results: Sequence[TrialResult],
    quantity: str,
    name: str,
) -> list[Finding]:
    # Which side is claimed plays no part: only the estimate is read.
    claim = ClaimConfig(claim=words.about, statistic=words.statistic, quantity=quantity, above=1)
    found = []
    for family in sorted({family_of(result.trial.config.model.name) for result in members}):
        own = [one for one in members if family_of(one.trial.config.model.name) == family]
        try:
            values = read_values(claim, own, results)
            estimate = estimate_values(claim, values, RegressionConfig())
        except NoValueError:
            continue
        found.append(Finding(words, name, family, estimate, len(values.values)))
    return found
