"""Sets of images that profiles are measured on: a mix, and single classes as in the paper.

Legend: N images of the split, M of them in a set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sweep.data.choice import choose_rows
from sweep.errors import UserError

MIX = ""
PROBES = 3  # a stream of random numbers apart from those of choice.py
Choose = Literal["random", "balanced", "first"]


def probe_sets(
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    num_samples: int,
    choose: Choose = "random",
    classes: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, NDArray[np.int64]]:
    """Rows (M,) of the split by set, ascending: the mix under "", then a set a class.

    num_samples: images of each set; all if there are fewer.
    choose: of the mix: drawn from all images, drawn equally from each class that occurs, or
        the first ones. Of a class: the first ones, or drawn.
    classes: those that get a set of their own; None for each that occurs. Ansuini et al.
        2019, figure 3, have seven, beside a mix.

    Raises UserError for a class that isn't there or has no image in the split.
    """
    available = len(labels)
    if choose == "random":
        # The rule since the first version: numbers measured then are found again.
        drawn = np.random.default_rng([seed, available]).permutation(available)
        mix = np.sort(drawn[:num_samples])
    else:
        mix = choose_rows(labels, choose, num_samples, None, seed)
    sets = {MIX: mix}
    if classes is None:
        classes = [class_names[label] for label in np.unique(labels)]
    for name in classes:
        if name not in class_names:
            shown = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
            raise UserError(f"there is no class {name!r}; the data set has {shown}")
        label = list(class_names).index(name)
        members = np.flatnonzero(labels == label)
        if not len(members):
            raise UserError(
                f"class {name!r} has no image in the split: leave it out, or choose more images"
            )
        if choose != "first":
            members = np.random.default_rng([seed, PROBES, label]).permutation(members)
        sets[name] = np.sort(members[:num_samples])
    return sets
