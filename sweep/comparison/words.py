"""A comparison in sentences: who lies above whom, where, by how much, judged by what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from sweep.comparison.pairing import Units
from sweep.comparison.result import BEYOND, Difference, Pair
from sweep.regression import FAMILY


def profile_sentences(quantity: str, kind: str, pair: Pair) -> list[str]:
    """What the differences of one pair come to, in one sentence."""
    told = [one for one in pair.differences if not math.isnan(one.low)]
    who = f"{quantity}: {pair.first}"
    if not told:
        if all(one.verdict == "the same" for one in pair.differences):
            return [f"{who} and {pair.second} are the same at all {kind}"]
        largest = _largest(pair.differences)
        return [
            f"{who} and {pair.second}: no noise is known to judge by (one network each, and no "
            f"interval of measuring); the largest difference is {largest.value:+.3g} "
            f"{_at(kind, largest)}"
        ]
    regions = find_regions(told)
    if not regions:
        largest = _largest(told)
        few = largest.verdict == "too few to tell"
        said = "too few to tell" if few else f"no difference beyond noise at any {kind[:-1]}"
        singly = sum(not one.each_low <= 0 <= one.each_high for one in told)
        alone = f"; taken singly, {singly} of {len(told)} {kind} are beyond it" * bool(singly)
        return [
            f"{who} and {pair.second}: {said}; the largest is {number(largest)} "
            f"{_at(kind, largest)}{alone}"
        ]
    parts: list[str] = []
    for region in regions:
        largest = _largest(region)
        above = "above" if largest.value > 0 else "below"
        them = pair.second if not parts else "it"
        size = f"by {number(_absolute(largest))}"
        place = "" if len(region) == 1 else f" {_at(kind, largest)}"
        parts.append(f"{above} {them} {_range(kind, region)}, {size}{place}")
    rest = len(told) - sum(map(len, regions))
    end = "; elsewhere not beyond noise" if rest else ""
    return [f"{who} is {'; '.join(parts)}{end}"]


def find_regions(differences: Sequence[Difference]) -> list[list[Difference]]:
    """Neighboring places beyond noise with the same sign."""
    regions = []
    for sign, run in itertools.groupby(
        differences, lambda one: math.copysign(1, one.value) if one.verdict == BEYOND else 0
    ):
        if sign:
            regions.append(list(run))
    return regions


def scalar_sentences(pairs: Sequence[Pair]) -> list[str]:
    """The scalars beyond noise, one sentence a pair."""
    found = []
    for pair in pairs:
        parts = [
            f"{'higher' if one.value > 0 else 'lower'} {one.name} by {number(_absolute(one))}"
            for one in pair.differences
            if one.verdict == BEYOND
        ]
        if parts:
            found.append(f"{pair.first} has {', '.join(parts)} than {pair.second}")
    return found


def noise_in_words(units: Units, same_images: bool) -> str:
    """What differences of a pair are judged by."""
    count = len(units.first), len(units.second)
    images = "" if same_images else "; the images differ, so the error of measuring is added"
    if units.is_paired:
        what = _count(count[0], units.over[0])
        alike = f" of equal {', '.join(_last_part(key) for key in units.agree)}"
        mean = ", seeds averaged" if _has_seeds(units) else ""
        return f"paired over {what}{alike * bool(units.agree)}{mean}{images}"
    if count == (1, 1):
        return (
            "one network each: the measurements' own intervals, which know nothing of what "
            "another seed would give"
        )
    if 1 in count:
        larger = max(count)
        over = units.over[count.index(larger)]
        return (
            f"one {units.over[count.index(1)][:-1]} against {_count(larger, over)}: whether it "
            f"lies apart from what these do among themselves{images}"
        )
    both = " and ".join(
        _count(len(side), over) + " (seeds averaged)" * any(len(own) > 1 for own in side)
        for side, over in zip((units.first, units.second), units.over, strict=True)
    )
    return f"between {both}{images}"


def correction_in_words(kind: str, num_places: int, num_pairs: int) -> str:
    """How intervals are made to hold everywhere at once."""
    what = f"{num_places} {kind if num_places > 1 else kind[:-1]}"
    pairs = "" if num_pairs == 1 else f" and {num_pairs} pairs"
    return (
        f"intervals are 95% Student t for all {what}{pairs} of a quantity at once (by the "
        "largest t of differences simulated where there is none); scalars likewise, together"
    )


def number(one: Difference) -> str:
    """A difference with its interval, such as "1.8 [1.2, 2.4]"."""
    value, low, high = (short(part, one) for part in (one.value, one.low, one.high))
    return value if math.isnan(one.low) else f"{value} [{low}, {high}]"


def short(value: float, beside: Difference) -> str:
    """Decimals that suit the size of what it stands beside."""
    size = max(abs(beside.first), abs(beside.second), abs(beside.value))
    decimals = 3 if size < 3 else 2 if size < 100 else 0
    return f"{value:,.{decimals}f}"


def _absolute(one: Difference) -> Difference:
    """The same with its sign taken off."""
    if one.value >= 0:
        return one
    return replace(one, value=-one.value, low=-one.high, high=-one.low)


def _largest(differences: Sequence[Difference]) -> Difference:
    return max(differences, key=lambda one: abs(one.value))


def _at(kind: str, one: Difference) -> str:
    return f"at {one.name}" if kind == "layers" else f"at depth {one.name}"


def _range(kind: str, region: Sequence[Difference]) -> str:
    first, last = region[0].name, region[-1].name
    if first == last:
        return f"at {first}" if kind == "layers" else f"at depth {first}"
    return f"from {'' if kind == 'layers' else 'depth '}{first} to {last}"


def _count(number: int, what: str) -> str:
    return f"{number} {what if number > 1 else what[:-1]}"


def _has_seeds(units: Units) -> bool:
    return any(len(own) > 1 for side in (units.first, units.second) for own in side)


def _last_part(key: str) -> str:
    return "model" if key == FAMILY else key.rpartition(".")[2].replace("_", " ")
