"""Tables of networks that need no sweep: a CSV file of your own, or a published figure."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from sweep.errors import UserError
from sweep.nearest import nearest
from sweep.published import published_names, read_published
from sweep.regression.families import GIVEN, family_of
from sweep.regression.variables import HIGH, LOW, is_numeric, parse_variable

PUBLISHED = "published:"
MISSING = ("", "nan", "na", "n/a", "none", "null")
LABELS = ("name", "network", "model")


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file with a line a network: numbers, and perhaps its name and family.

    Lines that begin with # are comments. A column `name`, `network` or `model` names
    networks, `family` their families, "low:X" and "high:X" the 95% interval of X.
    Raises UserError if it can't be read, or is no table.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"can't read {path} ({error}): name a CSV file") from error
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or len(set(rows[0])) < len(rows[0]):
        raise UserError(
            f"{path} is no table: it needs a line of distinct column names, and a line with as "
            "many values for each network"
        )
    table = pd.DataFrame(
        {
            header.strip(): _column([row[place].strip() for row in rows[1:]])
            for place, header in enumerate(rows[0])
        }
    )
    _check_names(path, table)
    label = next((name for name in LABELS if name in table), None)
    if label is not None and label != "name":
        table = table.rename(columns={label: "name"})
    return table


def read_published_table(name: str) -> pd.DataFrame:
    """A published figure that draws a value against a response, as a table of networks.

    The value's column is called as the layer of our quantity is, the response's as ours is.
    Its bars, a standard deviation, enter as the interval of 1.96 of them to both sides.
    Families are what networks' names begin with.
    """
    if name not in published_names():
        raise UserError(f"no published table {name!r}; {nearest(name, published_names())}")
    table = read_published(name)
    if table.response is None:
        scatters = [n for n in published_names() if read_published(n).response is not None]
        raise UserError(
            f"{PUBLISHED}{name} holds profiles and no response to regress; there is: "
            f"{', '.join(PUBLISHED + one for one in scatters)}"
        )
    from sweep.scalars import scalar_name

    predictor = scalar_name(table.quantity, table.values[0].layer)
    records = []
    for one in table.values:
        bar = 1.96 * one.bar if one.bar is not None else float("nan")
        records.append(
            {
                "name": one.network,
                GIVEN: _published_family(one.network),
                predictor: one.value,
                LOW + predictor: one.value - bar,
                HIGH + predictor: one.value + bar,
                table.response: one.response,
            }
        )
    return pd.DataFrame(records)


def _published_family(network: str) -> str:
    """Letters that a name begins with; batch normalization makes a family of its own.

    >>> _published_family("vgg11_bn"), _published_family("resnet50")
    ('vgg_bn', 'resnet')
    """
    return family_of(f"torchvision/{network}") + ("_bn" if network.endswith("_bn") else "")


def _check_names(path: Path, table: pd.DataFrame) -> None:
    """Raise UserError for columns that can't be asked for, and for half an interval."""
    names = [str(name) for name in table]
    for name in names:
        if parse_variable(name).transform:
            raise UserError(
                f"{path}: a column may not be called {name!r}, which asks for that of a column: "
                "call it otherwise"
            )
    for name in {text.removeprefix(LOW).removeprefix(HIGH) for text in names}:
        ends = [end + name for end in (LOW, HIGH) if end + name in table]
        if not ends:
            continue
        if len(ends) < 2 or not all(is_numeric(table[end]) for end in ends):
            raise UserError(f"{path}: {LOW}{name} and {HIGH}{name} must both be there, as numbers")
        if (table[LOW + name] > table[HIGH + name]).any():
            raise UserError(f"{path}: {LOW}{name} must be below {HIGH}{name}, but is not always")


def _column(texts: list[str]) -> pd.Series:
    """Numbers where all that is there is one; empty cells, nan and NA are missing."""
    try:
        return pd.to_numeric(
            pd.Series([None if text.lower() in MISSING else text for text in texts], dtype=object)
        )
    except (ValueError, TypeError):
        return pd.Series([text or None for text in texts], dtype=object)
