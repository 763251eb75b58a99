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
    """How a ratio is told: its whole interval above 1, below 1, or neither.

    start: of its sentence. about: what is over what. brief: the same within a sentence.
    """

    statistic: str
    start: str
    about: str
    brief: str
    above: str
    below: str
    unclear: str


SHAPE = Words(
    "peak_over_ends",
    "From input to last hidden layer it",
    "largest layer in between over the larger of input and last hidden layer",
    "peak over the larger end",
    "rises, then falls",
    "is largest at an end",
    "has no clear peak",
)
END = Words(
    "rise_at_end",
    "From half depth to the last hidden layer it",
    "last hidden layer over the layer at half depth",
    "last hidden layer over half depth",
    "rises",
    "falls",
    "neither clearly rises nor falls",
)
TRAINING = Words(
    "trained_over_untrained",
    "In the last hidden layer it",
    "last hidden layer over that of the untrained twin",
    "trained over untrained",
    "is higher than before training",
    "is lower than before training",
    "is not clearly changed by training",
)
FEWEST = 3  # networks: two lie close together by chance too often
# Families of one verdict that are named; of more, how many they are.
MOST_NAMED = 6


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
    """The shape of the profiles, their end, and what training does, by family and variant."""
    found: list[Finding] = []
    for words in (SHAPE, END, TRAINING):
        for name in shown_variants(results):
            if words is TRAINING and name == UNTRAINED:
                continue
            members = [result for result in results if variant(result.trial) == name]
            found += _findings(words, members, results, quantity, name)
    return found


def tell_findings(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of each variant its sentences, a sentence for each ratio; and of how many networks."""
    told: dict[str, dict[Words, list[Finding]]] = {}
    for one in findings:
        told.setdefault(one.variant, {}).setdefault(one.words, []).append(one)
    return [
        (
            f"{name}, {_networks(by_words)}",
            " ".join(_sentence(words, own) for words, own in by_words.items()),
        )
        for name, by_words in told.items()
    ]


def _networks(by_words: dict[Words, list[Finding]]) -> str:
    """As many as the ratio has that most of them have."""
    number = max(sum(one.num_networks for one in own) for own in by_words.values())
    return f"{number:,} networks"


def _sentence(words: Words, findings: Sequence[Finding]) -> str:
    """What is clear first; families that go the same way together, with their ratios."""
    order = {words.above: 0, words.below: 1, words.unclear: 2}
    verdicts: dict[str, list[Finding]] = {}
    for one in sorted(findings, key=lambda one: order[one.verdict]):
        verdicts.setdefault(one.verdict, []).append(one)
    parts: list[str] = []
    for verdict, own in verdicts.items():
        ratios = sorted(one.estimate.value for one in own)
        if len(own) == 1:
            estimate = own[0].estimate
            said = f"{estimate.value:.2f}, 95% interval {estimate.low:.2f} to {estimate.high:.2f}"
        else:
            said = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        about = "" if parts else f"{words.brief}: "
        every = "any of the" if verdict == words.unclear else "all"
        parts.append(f"{verdict} in {_families(own, len(findings), every)} ({about}{said})")
    return f"{words.start} {', and '.join(parts)}."


def _families(own: Sequence[Finding], number: int, every: str) -> str:
    names = [one.family for one in own]
    if len(names) == number > 2:
        return f"{every} {number} families"
    if len(names) > MOST_NAMED:
        return f"{len(names)} of {number} families"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


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
        if len(values.values) >= FEWEST:
            found.append(Finding(words, name, family, estimate, len(values.values)))
    return found
