"""What is set against the response, and what is held fixed, where nobody says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sweep.regression.variables import parse_variable

COVARIATES = ("log(num_parameters)", "train_accuracy")
LAST_HIDDEN = "_last_hidden"
CONTROLS = r"(low:|high:|surrogate_|subsample_|jackknife_|block_|scale_id_)"
TWINS = r"(train|test)_(accuracy|error|loss|top\d+_\w+)"


def default_predictors(quantities: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of the usual predictors that are known.

    quantities: measured per layer, controls left out, the main one first. The last hidden
    layer's value of each; peak and slope of the main one; parameter count, training loss.
    """
    from sweep.scalars import scalar_name

    names = [scalar_name(quantity, "last_hidden") for quantity in quantities]
    names += [scalar_name(quantity, s) for quantity in quantities[:1] for s in ("peak", "slope")]
    return [name for name in (*names, "num_parameters", "train_loss") if name in known]


def default_covariates(
    names: Sequence[str], response: str, varied: Callable[[str], bool]
) -> list[str]:
    """Those of the usual covariates that are known, vary, and are not the response's twin.

    names: all numbers of a trial. varied: whether one varies, by its name with `log(...)`.
    """
    known = [name for name in COVARIATES if parse_variable(name).name in names]
    return [name for name in known if varied(name) and not are_twins(name, response)]


def are_twins(one: str, other: str) -> bool:
    """Whether two names are forms of one number, such as an accuracy and its error.

    >>> are_twins("test_error", "logit(test_accuracy)"), are_twins("test_error", "train_error")
    (True, False)
    """
    first, second = parse_variable(one).name, parse_variable(other).name
    if first == second:
        return True
    a, b = (re.fullmatch(TWINS, name.removeprefix("history/")) for name in (first, second))
    return a is not None and b is not None and a[1] == b[1]


def usual_quantities(columns: Sequence[str]) -> list[str]:
    """The quantities of a table whose last hidden layer it has, TwoNN's dimension first.

    For tables of which no sweep file says what is a control: those that are named as
    controls or as another's error bars, and those of single classes, are left out.

    >>> usual_quantities(["pc_id_last_hidden", "id_last_hidden/mle", "id_last_hidden/twonn"])
    ['id/twonn', 'id/mle', 'pc_id']
    """
    found = [
        name.replace(LAST_HIDDEN, "", 1)
        for name in columns
        if LAST_HIDDEN in name and "@" not in name and not re.match(CONTROLS, name)
    ]
    return sorted(found, key=lambda name: (name != "id/twonn", not name.startswith("id/"), name))
