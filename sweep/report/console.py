"""What all that is printed has in common: plain tables, and lines as they are."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.table import Table

from sweep.secrets import printable


def plain_table(*columns: str, numeric: Collection[str] = ()) -> Table:
    """A table without lines; the `numeric` columns are flush right.

    Where the terminal is too narrow, a column without a name is broken into lines.
    """
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    for column in columns:
        justify = "right" if column in numeric else "left"
        table.add_column(column, justify=justify, no_wrap=bool(column))  # type: ignore[arg-type]
    return table


def say(console: Console, text: str) -> None:
    """Print text as it is: no markup, no colors, no breaks."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
