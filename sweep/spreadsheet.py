"""Texts in CSV files that a spreadsheet would take for formulas: a quote before them."""

from __future__ import annotations

import re
from typing import Any

FORMULA = r"^([=+\-@\t\r])"


def plain_text(value: Any) -> Any:
    """A text that stays text; all else as it is.

    >>> plain_text("=HYPERLINK(0)"), plain_text("cnn-w4"), plain_text(-1.5)
    ("'=HYPERLINK(0)", 'cnn-w4', -1.5)
    """
    return re.sub(FORMULA, r"'\1", value) if isinstance(value, str) else value


def plain_texts(column: Any) -> Any:
    """The same of an Arrow column of strings."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(column, FORMULA, r"'\1")
