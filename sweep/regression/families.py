"""Which networks are of one family."""

from __future__ import annotations

import re

import pandas as pd

from sweep.models.names import source_of

SEED = "training.seed"
FAMILY = "model.name"
GIVEN = "family"  # a column of a table of one's own
UNKNOWN = "unknown"  # of networks for which it is left empty


def family_of(model: str) -> str:
    """The family of a model's name: of a library's, the letters that it begins with.

    >>> family_of("torchvision/resnet50"), family_of("hf/microsoft/resnet-18"), family_of("cnn")
    ('resnet', 'resnet', 'cnn')
    """
    if source_of(model) in ("family", "own"):
        return model
    last = model.rpartition("/")[2].lower()
    return re.match(r"[a-z]*", last)[0] or last  # type: ignore[index]


def families(table: pd.DataFrame) -> pd.Series | None:
    """Of each network its family, as given or by its model's name; None where nothing tells."""
    if GIVEN not in table and FAMILY not in table:
        return None
    found = pd.Series(UNKNOWN, index=table.index, dtype=object)
    if FAMILY in table:
        found = table[FAMILY].fillna(UNKNOWN).astype(str).map(family_of).astype(object)
    if GIVEN in table:
        there = table[GIVEN].notna()
        found[there] = table[GIVEN][there].astype(str)
    return found
