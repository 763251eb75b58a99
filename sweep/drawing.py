"""Figures of a sweep as files, for a paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sweep.claims import judge_claims
from sweep.errors import UserError
from sweep.nearest import nearest
from sweep.outcome import regress_results
from sweep.paths import Storage
from sweep.report.picture import FORMATS, Format
from sweep.report.stills import STILLS, USUAL_WIDTH, Material, render_still
from sweep.results import load_results
from sweep.sealing import write_output

NARROWEST, WIDEST = 2.0, 20.0  # inches


@dataclass(frozen=True)
class DrawnFigures:
    """written: files, picture by picture. left_out: names with what the sweep lacks for them."""

    written: list[Path]
    left_out: dict[str, str]


def draw_figures(
    storage: Storage,
    name: str,
    *,
    folder: Path | None = None,
    formats: Sequence[str] = FORMATS,
    width: float = USUAL_WIDTH,
    only: Sequence[str] = (),
    tell: Callable[[Path], None] = lambda _: None,
) -> DrawnFigures:
    """Draw each figure that the sweep has something for, from what is sealed.

    folder: made if it isn't there; None is `figures` beside the sweep's report. width:
    inches. only: names; none, all. tell: called with each
    file as it is written.

    Raises UserError, with one line, for a wrong name, format, width or folder.
    """
    chosen, forms = _names(only), _formats(formats)
    if not NARROWEST <= width <= WIDEST:
        raise UserError(
            f"`{NARROWEST:g} <= width <= {WIDEST:g}` must hold, but got {width:g}: it is in inches"
        )
    results = load_results(storage, name)
    if not results.results:
        raise UserError(f"sweep {name!r} has no measured network yet: run it first")
    place = folder or results.work.sweep_paths.figures
    _make_folder(place)
    material = Material(
        results, lambda: regress_results(results, None)[0], lambda: judge_claims(results)
    )
    written: list[Path] = []
    left_out: dict[str, str] = {}
    for still in chosen:
        drawn = render_still(still, material, forms, width=width)
        for form, content in drawn.items():
            path = place / f"{still}.{form}"
            write_output(path, content)
            tell(path)
            written.append(path)
        if not drawn:
            left_out[still] = STILLS[still].wants
    return DrawnFigures(written, left_out)


def _names(only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in STILLS:
            raise UserError(f"there is no figure {name!r}; {nearest(name, STILLS)}")
    return [name for name in STILLS if name in only or not only]


def _formats(formats: Sequence[str]) -> list[Format]:
    for form in formats:
        if form not in FORMATS:
            raise UserError(f"there is no format {form!r}; {nearest(form, FORMATS)}")
    return [cast(Format, form) for form in dict.fromkeys(formats)] or list(FORMATS)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the folder {folder} can't be made ({error.strerror}): choose another"
        ) from error
