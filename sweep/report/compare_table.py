"""A comparison in the terminal: what it is, sentences, scalars, profiles."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from rich.console import Console

from sweep.comparison import Comparison, Difference, Pair, ProfileComparison
from sweep.comparison.words import number, scalar_sentences, short
from sweep.report.console import plain_table, say

MAX_PLACES = 24  # more rows than that are thinned out
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
                _tail(side["asked"]),
                str(side["networks"]),
                str(side["configurations"]),
                shown,
                side["images"],
            )
        )
    return rows


def _tail(asked: str, longest: int = 44) -> str:
    """Of a long path the end, which tells it from others."""
    return asked if len(asked) <= longest else f"…{asked[1 - longest :]}"


def cell(one: Difference) -> str:
    """A difference with its interval, marked if it is beyond noise."""
    sign = "+" if one.value > 0 else ""
    marked = MARK if one.verdict == "beyond noise" else ""
    return f"{sign}{number(one)}{marked}"


def _print_sides(found: Comparison, console: Console) -> None:
    columns = ("", "named", "networks", "configurations", "epoch", "images")
    rows = side_rows(found)
    width = sum(2 + max(map(len, cells)) for cells in zip(columns, *rows, strict=True))
    named = width <= console.width  # else the names by which networks are known must do
    table = plain_table(
        *(column for column in columns if named or column != "named"),
        numeric={"networks", "configurations", "epoch"},
    )
    for label, asked, *rest in rows:
        table.add_row(label, *(["" if asked == label else asked] if named else []), *rest)
    console.print(table)


def _print_scalars(found: Comparison, console: Console) -> None:
    names = [scalar.name for scalar in found.scalars]
    means = {
        label: [scalar.means[place] for scalar in found.scalars]
        for place, label in enumerate(found.labels)
    }
    _print_table("of a network", names, means, found.scalar_pairs, range(len(names)), console)


def _print_profile(profile: ProfileComparison, console: Console) -> None:
    say(console, f"\n{profile.quantity}")
    where = "depth" if profile.kind == "depths" else "layer"
    means = {side.label: list(side.mean) for side in profile.sides}
    places = shown_places(profile)
    _print_table(where, profile.names, means, profile.pairs, places, console)


def _print_table(
    what: str,
    names: Sequence[str],
    means: dict[str, list[float]],
    pairs: Sequence[Pair],
    places: Sequence[int],
    console: Console,
) -> None:
    """One table of all sides and pairs, or a table a pair where that is too wide.

    means: of each side by its label, at all places.
    """
    for count, shown in enumerate(_fitting(what, names, means, pairs, console.width)):
        labels = [label for label in means if any(label in (p.first, p.second) for p in shown)]
        heads = [f"{pair.first} - {pair.second}" for pair in shown]
        table = plain_table(what, *labels, *heads, numeric={*labels, *heads, "depth"})
        for place in places:
            beside = shown[0].differences[place]
            values = [short(means[label][place], beside) for label in labels]
            differences = [cell(pair.differences[place]) for pair in shown]
            table.add_row(names[place], *values, *differences)
        if count or what == "of a network":
            say(console, "")
        console.print(table)


def _fitting(
    what: str,
    names: Sequence[str],
    means: Collection[str],
    pairs: Sequence[Pair],
    width: int,
) -> list[Sequence[Pair]]:
    """The pairs of each table."""
    cells = [max(len(cell(one)) for one in pair.differences) for pair in pairs]
    heads = [len(f"{pair.first} - {pair.second}") for pair in pairs]
    needed = max(map(len, [what, *names])) + sum(max(len(label), 7) + 2 for label in means)
    needed += sum(max(both) + 2 for both in zip(cells, heads, strict=True))
    return [pairs] if needed <= width else [[pair] for pair in pairs]


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
