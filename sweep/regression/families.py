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
    """Of each network its family; None where nothing tells."""
    if GIVEN in table:
        return table[GIVEN].fillna(UNKNOWN).astype(str)
    if FAMILY in table:
        return table[FAMILY].fillna(UNKNOWN).astype(str).map(family_of)
    return None
