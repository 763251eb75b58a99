"""Networks measured at several epochs: profiles by epoch, and what accuracy does meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from sweep.report.dynamics import by_epoch, epoch_color, mean_scalar
from sweep.report.panels import MAX_PANELS, finish, make_panels
from sweep.report.picture import COLORS, SOFT
from sweep.report.profiles import mean_profile
from sweep.report.stills.bands import RANGE_ALPHA
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material
from sweep.results import TrialResult
from sweep.scalars import scalar_name

# Epochs are drawn by their root: the first ones, where most happens, get room, and 0 a place.
ROOT = 0.5
TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TICK_DISTANCE = 0.09  # least, of the axis
LAST, ERROR = "last_hidden", "test_error"
ID_STYLE: dict[str, Any] = {"color": COLORS[0], "linestyle": "-", "marker": "o"}
ERROR_STYLE: dict[str, Any] = {"color": COLORS[1], "linestyle": "--", "marker": "s"}

Epochs = dict[float, list[TrialResult]]


def draw_dynamics(material: Material, width: float) -> Figure | None:
    """Above, each family's mean profile by epoch; below, last hidden layer and test error."""
    found = _families(material)
    quantity = material.quantity
    if quantity is None or not found:
        return None
    figure, panels = make_panels(len(found), width, blocks=2)
    _draw_profiles(panels[: len(found)], material, found)
    _draw_courses(panels[len(found) :], found, quantity)
    last = max(epoch for epochs in found.values() for epoch in epochs)
    shown = sorted({epoch for epochs in found.values() for epoch in epochs})
    handles = [
        Line2D([], [], color=_shade(epoch, last), label="epoch " * (not place) + f"{epoch:g}")
        for place, epoch in enumerate(shown)
    ]
    networks = {r.trial.key: r for epochs in found.values() for own in epochs.values() for r in own}
    said = describe(
        material.results, list(networks.values()), [quantity],
        "Above: means over configurations, by epoch. Below: means over networks, bands: their full "
        f"range; solid, left axis: {readable(scalar_name(quantity, LAST))}; dashed, right axis: "
        f"{readable(ERROR)}; epochs by their square root. Number of networks in parentheses.",
    )  # fmt: skip
    return finish(figure, said, handles)


def _draw_profiles(panels: Sequence[Any], material: Material, found: dict[str, Epochs]) -> None:
    quantity = str(material.quantity)
    last = max(epoch for epochs in found.values() for epoch in epochs)
    for panel, (family, epochs) in zip(panels, found.items(), strict=True):
        for epoch, members in epochs.items():
            profile = mean_profile(members, quantity)
            if profile is not None:
                panel.plot(profile.depth, profile.mean, color=_shade(epoch, last), linewidth=1.1)
        panel.set_title(f"{material.label(family)} ({max(map(len, epochs.values())):,})")
        panel.set_xlabel("relative depth")
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel(readable(quantity))
    panels[0].set_ylim(bottom=0)  # once all are drawn: it ends scaling, and they share it


def _draw_courses(panels: Sequence[Any], found: dict[str, Epochs], quantity: str) -> None:
    others = [panel.twinx() for panel in panels]
    for other in others[1:]:
        other.sharey(others[0])
    for panel, other, epochs in zip(panels, others, found.values(), strict=True):
        _draw_course(panel, epochs, scalar_name(quantity, LAST), ID_STYLE)
        _draw_course(other, epochs, ERROR, ERROR_STYLE)
        _epoch_axis(panel, max(epochs))
        other.spines["right"].set_visible(True)
        spec = panel.get_subplotspec()
        if spec.is_first_col():
            panel.set_ylabel("ID, last hidden", color=ID_STYLE["color"])
        if spec.is_last_col() or panel is panels[-1]:
            other.set_ylabel(readable(ERROR), color=ERROR_STYLE["color"])
        else:
            other.tick_params(labelright=False)
    panels[0].set_ylim(bottom=0)
    others[0].set_ylim(bottom=0)


def _families(material: Material) -> dict[str, Epochs]:
    """The epochs of each family measured at several."""
    found = {}
    for family in material.families:
        members = [r for (f, _), own in material.groups.items() if f == family for r in own]
        epochs = by_epoch([result for result in members if result.trial.role == "trained"])
        if epochs:
            found[family] = epochs
    return dict(list(found.items())[:MAX_PANELS])


def _draw_course(panel: Any, epochs: Epochs, name: str, style: dict[str, Any]) -> None:
    points = [(epoch, mean_scalar(members, name)) for epoch, members in epochs.items()]
    found = [(epoch, *values) for epoch, values in points if values is not None]
    if found:
        epoch, mean, low, high = zip(*found, strict=True)
        panel.plot(epoch, mean, markersize=3, clip_on=False, **style)
        panel.fill_between(
            epoch, low, high, color=style["color"], alpha=2 * RANGE_ALPHA, linewidth=0
        )


def _epoch_axis(panel: Any, last: float) -> None:
    panel.set_xscale("function", functions=(lambda x: abs(x) ** ROOT, lambda x: x ** (1 / ROOT)))
    ticks: list[float] = []
    for tick in sorted({last, *(t for t in TICKS if t < last)}, reverse=True):
        near = ticks and ticks[-1] ** ROOT - tick**ROOT < TICK_DISTANCE * last**ROOT
        if not near:
            ticks.append(tick)
    panel.xaxis.set_major_locator(FixedLocator(ticks))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlabel("epoch")
    panel.set_xlim(0, 1.03 * last)
    panel.grid(axis="x", color=SOFT, alpha=0.15, linewidth=0.5)


def _shade(epoch: float, last: float) -> str:
    """By the root of the epoch, as the axis has it."""
    steps = 1000
    return epoch_color(round(steps * (epoch / last) ** ROOT) if last else 0, steps + 1)
