"""Quantities under names that MLflow takes, and back.

Of a class: "id/twonn@cat" is "id/twonn/class/cat". Their mean: "id/twonn@classes" is
"id/twonn/classes".
"""

from __future__ import annotations

import re

from sweep.measuring.classes import CLASSES
from sweep.sealing import content_key

CLASS, MEAN = "/class/", "/classes"
EPOCHS_TRAINED = "epochs_trained"  # a metric of trials that were stopped early
BY_EPOCH = "by_epoch/"  # before the scalars of networks measured at several epochs
MAX_LETTERS = 150  # of a class; MLflow takes 250 for the whole name


def metric_name(quantity: str) -> str:
    """Of letters, digits and `_-. :/`; distinct for distinct quantities.

    >>> metric_name("id/twonn@cat, tabby")
    'id/twonn/class/cat:2c: tabby'
    """
    name, mark, probe = quantity.partition("@")
    if not mark:
        return name
    if probe == CLASSES:
        return name + MEAN
    # "." and ".." would be steps of a path.
    refused = r"[^\w.\- ]" if probe.strip(".") else r"\."
    escaped = re.sub(refused, lambda found: f":{ord(found[0]):x}:", probe)
    if len(escaped) > MAX_LETTERS:
        escaped = f"{escaped[:MAX_LETTERS]}/{content_key(probe)[:16]}"
    return name + CLASS + escaped


def quantity_name(metric: str) -> str:
    """What `metric_name` was given; a class whose name was too long stays as it is.

    >>> quantity_name("id/twonn/class/cat:2c: tabby")
    'id/twonn@cat, tabby'
    """
    name, mark, probe = metric.partition(CLASS)
    if mark and "/" not in probe:
        given = re.sub(r":([0-9a-f]+):", lambda found: chr(int(found[1], 16)), probe)
        return f"{name}@{given}"
    if metric.endswith(MEAN):
        return f"{metric.removesuffix(MEAN)}@{CLASSES}"
    return metric
