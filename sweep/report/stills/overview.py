"""A sweep at a glance: profiles of all families, and their last hidden layers against accuracy."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.regression import FAMILY
from sweep.report.panels import finish, make_panels
from sweep.report.picture import color_of, dash_of, marker_of
from sweep.report.profiles import MeanProfile
from sweep.report.stills.accuracy import points_table, scatter
from sweep.report.stills.caption import describe, readable
from sweep.report.stills.material import Material
from sweep.summary import TRUE_LABELS, UNTRAINED

MAX_FAMILIES = 16
POINTS = "Points: filled, true labels; open, label noise or a gradient."


def draw_overview(material: Material, width: float) -> Figure | None:
    """Mean profile per family as it is (left), last hidden layer against response (right).

    As it is: without label noise or a luminance gradient. Where only one layer is measured
    there is no profile, and nothing on the left; where nothing is trained, nothing right.
    """
    quantity = material.quantity
    table = points_table(material)
    profiles: dict[tuple[str, str], MeanProfile] = {
        (family, name): profile
        for family in material.families[:MAX_FAMILIES]
        for name in (TRUE_LABELS, UNTRAINED)
        if quantity and (profile := material.profile(family, name, quantity)) is not None
    }
    if not quantity or not (profiles or table is not None):
        return None
    sides = [side for side, there in ((0, profiles), (1, table is not None)) if there]
    figure, panels = make_panels(len(sides), width, share_y=False, least=2.5)
    if profiles:
        for (family, role), profile in profiles.items():
            number = material.families.index(family)
            trained = role == TRUE_LABELS
            dash = dash_of(number) if trained else ":"
            style: dict[str, Any] = {"color": color_of(number), "linestyle": dash}
            marker = marker_of(number) if trained else ""
            panels[0].plot(
                profile.depth, profile.mean, **style, marker=marker, markevery=(number, 8)
            )
        panels[0].set(xlabel="relative depth", ylabel=readable(quantity))
        others = any(role != TRUE_LABELS for _, role in profiles)
        panels[0].set_title("true labels; dotted: untrained" if others else "true labels")
        panels[0].set_ylim(bottom=0)
    if table is not None:
        predictor = str(material.predictor)
        for name, members in table.groupby(FAMILY):
            number = material.families.index(str(name))
            scatter(panels[-1], members, predictor, material.response, number)
        panels[-1].set(
            xlabel=readable(predictor).removesuffix(" layer"), ylabel=readable(material.response)
        )
        panels[-1].set_title("every trained network")
    drawn = material.results.results
    handles = [_handle(material, family) for family in material.families[:MAX_FAMILIES]]
    if any(name == UNTRAINED for _, name in profiles):
        handles.append(Line2D([], [], color="black", linestyle=":", label="untrained"))
    left_out = len(material.families) - MAX_FAMILIES
    said = describe(
        material.results, drawn, [quantity],
        "Lines: means over configurations." if profiles else "",
        POINTS if table is not None else "",
        f"{left_out} families have no line here." if left_out > 0 else "",
    )  # fmt: skip
    return finish(figure, said, handles)


def _handle(material: Material, family: str) -> Line2D:
    number = material.families.index(family)
    style: dict[str, Any] = {"color": color_of(number), "marker": marker_of(number)}
    return Line2D([], [], **style, linestyle=dash_of(number), label=material.label(family))
