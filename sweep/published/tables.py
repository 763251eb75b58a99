"""Tables of published numbers: CSV files beside this one, each with its convention on top."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TABLES = Path(__file__).parent
ANY_NETWORK = "*"
LAST_HIDDEN = "last_hidden"


@dataclass(frozen=True)
class PublishedValue:
    """One published number.

    network: as the paper calls it; "*" if the figure has one network that goes by no name.
    variant: "original", or how else it was trained: see `compare.variant_key`.
    layer: as the paper calls it, "last_hidden", or "" where it only gives the depth.
    relative_depth: None where it isn't given. bar: half of the bar that is drawn.
    response: what the value is drawn against, where that is no depth.
    """

    network: str
    variant: str
    layer: str
    relative_depth: float | None
    value: float
    bar: float | None
    response: float | None


@dataclass(frozen=True)
class PublishedTable:
    """The numbers of one figure.

    source: paper and figure. digitised: how the numbers were had. accuracy: of that, in
    units of the value. quantity: ours that is computed alike. means: what the value is the
    mean of, in words. points: images that enter each estimate. response: ours, that values
    are drawn against; None for profiles. epochs: trained, by variant. conventions: these and
    all else that the file says on top, by key.
    """

    name: str
    source: str
    digitised: str
    accuracy: float
    quantity: str
    means: str
    points: int
    response: str | None
    epochs: Mapping[str, int]
    conventions: Mapping[str, str]
    values: tuple[PublishedValue, ...]


def published_names() -> list[str]:
    """The tables there are."""
    return sorted(path.stem for path in TABLES.glob("*.csv"))


def read_published(name: str) -> PublishedTable:
    """A table by its name.

    >>> table = read_published("ansuini2019_last_hidden")
    >>> len(table.values), table.points, table.values[0].network
    (14, 1800, 'alexnet')
    """
    lines = (TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("#")]
    conventions = {key: value for key, _, value in head}
    records = csv.DictReader(line for line in lines if not line.startswith("#"))
    return PublishedTable(
        name=name,
        source=conventions["source"],
        digitised=conventions["digitised"],
        accuracy=float(conventions["accuracy"]),
        quantity=conventions["quantity"],
        means=conventions["means"],
        points=int(conventions["points"]),
        response=conventions.get("response"),
        epochs={
            variant: int(epochs)
            for variant, epochs in (part.split() for part in conventions["epochs"].split(", "))
        },
        conventions=conventions,
        values=tuple(
            PublishedValue(
                network=record["network"],
                variant=record["variant"],
                layer=record["layer"],
                relative_depth=_number(record["relative_depth"]),
                value=float(record["value"]),
                bar=_number(record.get("bar")),
                response=_number(record.get("response")),
            )
            for record in records
        ),
    )


def _number(text: str | None) -> float | None:
    return float(text) if text else None
