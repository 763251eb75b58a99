"""Still pictures of a sweep, for a paper: the table of contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from sweep.report.claims_figure import draw_claims
from sweep.report.panels import USUAL_WIDTH, finish
from sweep.report.picture import PRINT_DPI, Format, paper_style, to_bytes
from sweep.report.regression_figure import draw_regression
from sweep.report.stills.accuracy import draw_accuracy
from sweep.report.stills.axes import draw_axes
from sweep.report.stills.caption import describe
from sweep.report.stills.dynamics import draw_dynamics
from sweep.report.stills.families import draw_families
from sweep.report.stills.linear import draw_linear
from sweep.report.stills.material import Material
from sweep.report.stills.overview import draw_overview
from sweep.report.stills.published import draw_published
from sweep.report.stills.scales import draw_scale_profiles, draw_scales
from sweep.report.stills.variants import draw_variants


@dataclass(frozen=True)
class Still:
    """One picture.

    draw: None where the sweep has nothing for it, and `wants` says what that would be.
    kept: drawn with every report, into the storage and MLflow.
    """

    draw: Callable[[Material, float], Figure | None]
    wants: str
    kept: bool = False


def draw_claimed(material: Material, width: float) -> Figure | None:
    """The claims, each against its rule."""
    found = material.claims
    if not found.claims:
        return None
    quantities = dict.fromkeys(one.quantity for one in found.claims if one.quantity)
    said = describe(material.results, material.results.results, quantities, CLAIMS_SAID)
    return draw_claims([found], width, said)


CLAIMS_SAID = (
    "Markers: estimate over configurations, with its 95% interval; shaded: what the rule claims. "
    "Shown: the whole interval is shaded; reversed: all of it lies beyond the rule and no effect."
)


def draw_regressed(material: Material, width: float) -> Figure | None:
    """Correlations by scope, predictor beside predictor, and who carries them."""
    regression = material.regression
    figure = None if regression is None else draw_regression(regression, width)
    if figure is None or regression is None:
        return None
    trained = [r for r in material.results.results if r.trial.role == "trained"]
    quantities = [material.quantity] if material.quantity else []
    return finish(figure, describe(material.results, trained, quantities, REGRESSION_SAID))


REGRESSION_SAID = "Bars: 95% intervals."
TRAINED = "networks with a profile of several layers, trained on true labels"
STILLS: dict[str, Still] = {
    "overview": Still(draw_overview, "a quantity measured per layer", kept=True),
    "families": Still(draw_families, TRAINED),
    "profiles": Still(draw_variants, "networks with a profile of several layers", kept=True),
    "accuracy": Still(draw_accuracy, "trained networks with the response and a predictor"),
    "axes": Still(draw_axes, "trained networks that differ in one setting alone"),
    "scales": Still(draw_scales, "`analyses: {scales: {}}` in the sweep file"),
    "scale_profiles": Still(draw_scale_profiles, "`analyses: {scales: {}}` in the sweep file"),
    "linear": Still(draw_linear, f"{TRAINED}, and `analyses: {{linear: {{}}}}`"),
    "dynamics": Still(draw_dynamics, "`measure.epochs` in the sweep file", kept=True),
    "published": Still(draw_published, "`published` in the sweep file, and networks it has", True),
    "regression": Still(draw_regressed, "trained networks of 4 configurations or more", kept=True),
    "claims": Still(draw_claimed, "`claims` in the sweep file"),
}


def render_still(
    name: str,
    material: Material,
    formats: Sequence[Format] = ("png",),
    *,
    width: float = USUAL_WIDTH,
    dots_per_inch: int = PRINT_DPI,
) -> dict[Format, bytes]:
    """One picture by its name, as the bytes of files; none where there is nothing for it."""
    with paper_style():  # also while it is written: ticks come about then
        figure = STILLS[name].draw(material, width)
        if figure is None:
            return {}
        # Laid out once: again for each format, it would come out a little different.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        return {form: to_bytes(figure, form, dots_per_inch) for form in formats}


__all__ = ["STILLS", "USUAL_WIDTH", "Material", "Still", "render_still"]
