"""A comparison in the terminal: what it is, sentences, scalars, profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from sweep.comparison import Comparison, Difference, Pair, ProfileComparison
from sweep.comparison.words import number, scalar_sentences, short
from sweep.report.console import plain_table, say

MAX_PLACES = 24  # more rows than that are thinned out
PAIRS_ABREAST = 3
MARK = " *"


def print_comparison(found: Comparison, console: Console) -> None:
    """All of it: sides, warnings, sentences, then tables."""
    say(console, found.title)
    _print_sides(found, console)
    for warning in found.warnings:
        say(console, f"warning: {warning}")
    for note in found.notes:
        say(console, f"note: {note}")
    say(console, "")
    for line in sentences(found):
        say(console, line)
    for line in noise_lines(found):
        say(console, f"noise: {line}")
    say(console, found.correction)
    if found.scalars:
        _print_scalars(found, console)
    for profile in found.profiles:
        _print_profile(profile, console)
    say(console, f"\nmeans over units of each side;{MARK} beyond noise")


def sentences(found: Comparison) -> list[str]:
    """What came out, of profiles and of what sums them up."""
    profiles = [line for profile in found.profiles for line in profile.sentences]
    return [*profiles, *scalar_sentences(found.scalar_pairs)]


def noise_lines(found: Comparison) -> list[str]:
    """What the differences of each pair are judged by; once if all pairs agree."""
    pairs = found.profiles[0].pairs
    if len({pair.noise for pair in pairs}) == 1:
        return [pairs[0].noise]
    return [f"{pair.first} and {pair.second}: {pair.noise}" for pair in pairs]


def side_rows(found: Comparison) -> list[tuple[str, ...]]:
    """Of each side: label, what was asked for, networks, configurations, epochs, images."""
    rows: list[tuple[str, ...]] = []
    for side in found.sides:
        epochs = [f"{epoch:g}" for epoch in side["epochs"]]
        shown = ", ".join(epochs) if len(epochs) <= 4 else f"{epochs[0]} to {epochs[-1]}"
        rows.append(
            (
                side["label"],
                side["asked"],
                str(side["networks"]),
                str(side["configurations"]),
                shown,
                side["images"],
            )
        )
    return rows


def cell(one: Difference) -> str:
    """A difference with its interval, marked if it is beyond noise."""
    sign = "+" if one.value > 0 else ""
    marked = MARK if one.verdict == "beyond noise" else ""
    return f"{sign}{number(one)}{marked}"


def _print_sides(found: Comparison, console: Console) -> None:
    columns = ("", "named", "networks", "configurations", "epoch", "images")
    table = plain_table(*columns, numeric={"networks", "configurations", "epoch"})
    for label, asked, *rest in side_rows(found):
        table.add_row(label, "" if asked == label else asked, *rest)
    console.print(table)


def _print_scalars(found: Comparison, console: Console) -> None:
    for pairs in _abreast(found.scalar_pairs):
        heads = [_head(pair) for pair in pairs]
        table = plain_table("of a network", *found.labels, *heads, numeric={*found.labels, *heads})
        for place, scalar in enumerate(found.scalars):
            beside = pairs[0].differences[place]
            means = [short(mean, beside) for mean in scalar.means]
            table.add_row(scalar.name, *means, *(cell(p.differences[place]) for p in pairs))
        say(console, "")
        console.print(table)


def _print_profile(profile: ProfileComparison, console: Console) -> None:
    labels = [side.label for side in profile.sides]
    where = "depth" if profile.kind == "depths" else "layer"
    for pairs in _abreast(profile.pairs):
        heads = [_head(pair) for pair in pairs]
        numeric = {*labels, *heads, "depth"}
        table = plain_table(where, *labels, *heads, numeric=numeric)
        for place in shown_places(profile):
            beside = pairs[0].differences[place]
            means = [short(side.mean[place], beside) for side in profile.sides]
            differences = [cell(pair.differences[place]) for pair in pairs]
            table.add_row(profile.names[place], *means, *differences)
        say(console, f"\n{profile.quantity}")
        console.print(table)


def shown_places(profile: ProfileComparison) -> list[int]:
    """Every tenth of the depth, or every layer; of very many layers some."""
    count = len(profile.names)
    if profile.kind == "depths":
        tenths = [place for place in range(count) if _is_tenth(profile.depth[place])]
        return tenths or list(range(count))
    step = math.ceil(count / MAX_PLACES)
    return sorted({*range(0, count, step), count - 1})


def _is_tenth(depth: float) -> bool:
    return abs(depth * 10 - round(depth * 10)) < 1e-6


def _abreast(pairs: Sequence[Pair]) -> list[tuple[Pair, ...]]:
    starts = range(0, len(pairs), PAIRS_ABREAST)
    return [tuple(pairs[start : start + PAIRS_ABREAST]) for start in starts]


def _head(pair: Pair) -> str:
    return f"{pair.first} - {pair.second}"
