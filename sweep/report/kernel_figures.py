"""Shares of families as stacked bars, by kernel size, depth, epoch and network; and as points.

Numbers alone: `kernels.html.j2` draws them. All shares are of kernels that aren't dead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from sweep.measuring.kernel_table import CALLED_OTHER
from sweep.report.kernel_pictures import ORDER, family_name
from sweep.report.kernel_sets import KernelSet, pool, sizes_of

MOST_MODELS = 4  # panels of their own for each; those of more are put together
MOST_DEPTHS = 8  # bars of a panel; more depths than that are put into bins
NUM_BINS = 5
TOPS = (0.1, 0.2, 0.5, 1.0)  # where the axis of shares may end


@dataclass(frozen=True)
class Part:
    """One family in a bar. bottom, height: shares."""

    family: str
    name: str
    bottom: float
    height: float


@dataclass(frozen=True)
class Bar:
    """Families stacked. of: "trained" or "initial"."""

    of: str
    parts: tuple[Part, ...]
    classified: float
    num_kernels: int


@dataclass(frozen=True)
class Place:
    """Bars side by side over one label."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Panel:
    """Kernels of one size, of one model where there are several."""

    title: str
    size: int
    num_kernels: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Dot:
    """One network's share of classified kernels; marker: which model it is."""

    name: str
    marker: int
    values: dict[str, float]


@dataclass(frozen=True)
class Line:
    """Kernels of one size of one network, or of one layer."""

    name: str
    size: int
    trained: Bar
    initial: Bar


def by_size(kernels: pd.DataFrame) -> list[Panel]:
    """All kernels of a size together. kernels: as `pool` gives them."""
    return [
        Panel(title, size, len(own), (Place(title, _pair(own)),))
        for title, size, own in _groups(kernels)
    ]


def by_depth(kernels: pd.DataFrame) -> list[Panel]:
    """Depth by depth, or in bins where there are many."""
    panels = []
    for title, size, own in _groups(kernels):
        depth = own["relative_depth"].round(2)
        if depth.nunique() > MOST_DEPTHS:
            number = (depth * NUM_BINS).astype(int).clip(upper=NUM_BINS - 1)
            labels = number.map(lambda n: f"{n / NUM_BINS:g} to {(n + 1) / NUM_BINS:g}")
        else:
            labels = depth.map("{:.2f}".format)
        groups = own.groupby(labels, sort=True)
        places = tuple(Place(str(label), _pair(group)) for label, group in groups)
        panels.append(Panel(title, size, len(own), places))
    return panels


def by_epoch(sets: Sequence[KernelSet]) -> list[Panel]:
    """Before training, then after as many epochs as networks were measured at."""
    epochs: dict[float, list[KernelSet]] = {}
    for each in sets:
        for epoch, table in (*each.earlier.items(), (each.trial.epoch, each.kernels)):
            epochs.setdefault(epoch, []).append(replace(each, kernels=table))
    epochs.pop(0, None)  # of networks that are not trained: `initial` is just that
    last = pool(sets)
    places: dict[str, list[Place]] = {}
    for title, _, own in _groups(last):
        places[title] = [Place("0", (_bar(own["initial_family"], "initial"),))]
    by_model = _tells_models(last)
    for epoch in sorted(epochs):
        for title, _, own in _groups(pool(epochs[epoch]), by_model):
            if title in places:  # it isn't where all have died since
                places[title].append(Place(f"{epoch:g}", (_bar(own["family"], "trained"),)))
    return [
        Panel(title, size, len(own), tuple(places[title])) for title, size, own in _groups(last)
    ]


def by_network(sets: Sequence[KernelSet]) -> list[Line]:
    """Network by network, and size by size where one has several."""
    lines = []
    for each in sets:
        for size, own in sizes_of(each.kernels):
            initial, trained = _pair(own)
            lines.append(Line(each.trial.name, size, trained, initial))
    return lines


def by_layer(kernels: KernelSet) -> list[Line]:
    """Layer by layer of one network."""
    lines = []
    for _, own in kernels.kernels.groupby("layer_index", sort=True):
        initial, trained = _pair(own)
        lines.append(Line(str(own["layer"].iloc[0]), int(own["size"].iloc[0]), trained, initial))
    return lines


def dots_of(sets: Sequence[KernelSet]) -> tuple[list[str], dict[int, list[Dot]]]:
    """Names of models by their marker's number, and by kernel size a dot a network."""
    models = list(dict.fromkeys(each.trial.config.model.name for each in sets))
    found: dict[int, list[Dot]] = {}
    for each in sets:
        for size, own in sizes_of(each.kernels):
            initial, trained = _pair(own)
            values = {"trained": trained.classified, "initial": initial.classified}
            permuted = each.permuted_share(size)
            if permuted is not None:
                values["shuffled"] = permuted
            marker = models.index(each.trial.config.model.name)
            found.setdefault(size, []).append(Dot(each.trial.name, marker, values))
    return models, dict(sorted(found.items()))


def top_of(panels: Sequence[Panel], dots: Mapping[int, Sequence[Dot]]) -> float:
    """Where the axis ends, one for all: small shares would not be seen on a whole one."""
    shares = [bar.classified for panel in panels for place in panel.places for bar in place.bars]
    shares += [value for those in dots.values() for dot in those for value in dot.values.values()]
    return next(top for top in TOPS if max(shares, default=0.0) <= top)


def bar_of(counts: dict[str, int], of: str = "trained") -> Bar:
    """A bar of so many kernels of each family."""
    total = sum(counts.values())
    parts, bottom = [], 0.0
    for family in ORDER:
        height = counts.get(family, 0) / total if total else 0.0
        if height:
            parts.append(Part(family, family_name(family), bottom, height))
        bottom += height
    classified = 1 - counts.get(CALLED_OTHER, 0) / total if total else 0.0
    return Bar(of, tuple(parts), classified, total)


def _groups(
    kernels: pd.DataFrame, by_model: bool | None = None
) -> list[tuple[str, int, pd.DataFrame]]:
    """Title, size and kernels of each panel: layers of other models lie at other depths."""
    if not (_tells_models(kernels) if by_model is None else by_model):
        return [(f"{size} x {size}", size, own) for size, own in sizes_of(kernels)]
    models = dict.fromkeys(kernels["model"])
    return [
        (f"{model} {size} x {size}", size, own)
        for model in models
        for size, own in sizes_of(kernels[kernels["model"] == model])
    ]


def _tells_models(kernels: pd.DataFrame) -> bool:
    return 1 < kernels["model"].nunique() <= MOST_MODELS


def _pair(kernels: pd.DataFrame) -> tuple[Bar, Bar]:
    return _bar(kernels["initial_family"], "initial"), _bar(kernels["family"], "trained")


def _bar(families: pd.Series[str], of: str) -> Bar:
    return bar_of({str(name): int(n) for name, n in families.value_counts().items()}, of)
