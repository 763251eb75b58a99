"""A page for a dissected network: its units by what they detect, with their top images.

Legend: U units, K images of each, S x S pixels of a mask.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from sweep.config import SweepConfig
from sweep.data.decode import decode
from sweep.data.partitions import ImageData
from sweep.measurement import Measurement
from sweep.measuring import make_analyses
from sweep.measuring.dissection import DissectionAnalysis
from sweep.measuring.sealed import read_measurements, read_sealed_table
from sweep.paths import TrialPaths
from sweep.report.significant import script_json
from sweep.results import SweepResults
from sweep.sealing import write_file
from sweep.space import Trial

SIDE = 64  # pixels of a picture in the sheet, at most
COLUMNS = 24
COLORS = {
    "color": "#0072b2", "texture": "#56b4e9", "material": "#009e73", "part": "#e69f00",
    "object": "#d55e00", "scene": "#cc79a7",
}  # fmt: skip
SHOWN = (
    "layer_index", "unit", "concept", "category", "iou", "ceiling", "precision", "recall",
    "p_value", "runner_up_concept", "runner_up_iou", "detector", "dead", "share_above", "threshold",
)  # fmt: skip


@dataclass(frozen=True)
class Dissected:
    """What is sealed of one network's dissection."""

    trial: Trial
    rows: list[Measurement]
    units: pa.Table
    concepts: pa.Table


def read_dissected(config: SweepConfig, trial: Trial, paths: TrialPaths) -> Dissected | None:
    """None for a sweep that dissects nothing."""
    for analysis in make_analyses(config.analyses):
        if isinstance(analysis, DissectionAnalysis):
            rows = read_measurements(config, trial, paths)
            return Dissected(
                trial,
                [row for row in rows if row.analysis == analysis.name],
                read_sealed_table(config, trial, paths, analysis, "units"),
                read_sealed_table(config, trial, paths, analysis, "concepts"),
            )
    return None


def write_units_pages(results: SweepResults) -> list[Path]:
    """A page for each dissected network; those of others, from before, are removed."""
    work, folder = results.work, results.work.sweep_paths.units
    written = []
    for each in results.results:
        found = read_dissected(work.config, each.trial, work.paths(each.trial))
        if found is None:
            break
        path = folder / f"{each.trial.key}.html"
        folder.mkdir(exist_ok=True)
        write_file(path, render_units(found, work.data, work.config.measure.split))
        written.append(path)
    for path in set(folder.glob("*.html")) - set(written):
        path.unlink()
    return written


def render_units(found: Dissected, data: ImageData, split: str) -> str:
    """The page as HTML: it needs no network and no other file."""
    from sweep.report.page import templates

    units = found.units.to_pydict()
    ids = sorted({image for images in units["top_images"] for image in images})
    place = {image: number for number, image in enumerate(ids)}
    layers = _layers(found.rows, units["layer_index"])
    shown = {name: _plain(units[name]) for name in SHOWN}
    shown["images"] = [[place[image] for image in images] for images in units["top_images"]]
    shown["masks"] = [
        [base64.b64encode(mask).decode() for mask in masks] for masks in units["top_masks"]
    ]
    settings = found.rows[0].settings
    height, width = settings["mask_resolution"]
    categories = list(dict.fromkeys(found.concepts.column("category").to_pylist()))
    sheet, side = _sheet(data, split, np.array(ids, np.int64))
    return (
        templates()
        .get_template("units.html.j2")
        .render(
            title=found.trial.name,
            data=data.name,
            split=split,
            settings=settings,
            num_images=found.rows[0].num_samples,
            layers=layers,
            categories=categories,
            colors=COLORS,
            bars=_bars(layers, categories),
            sheet=Markup(sheet),  # noqa: S704 - a data address that we made
            # Already JSON, without a "<".
            units_json=Markup(  # noqa: S704
                script_json({**shown, "layers": [layer["name"] for layer in layers]})
            ),
            sheet_json=Markup(  # noqa: S704
                script_json(
                    {"side": side, "columns": COLUMNS, "mask_rows": height, "mask_columns": width}
                )
            ),
        )
    )


def _layers(rows: Sequence[Measurement], layer_of_unit: Sequence[int]) -> list[dict[str, Any]]:
    """Layer by layer its numbers by quantity."""
    sizes = Counter(layer_of_unit)
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        if row.layer_index is None:
            continue
        layer = found.setdefault(
            row.layer_index,
            {
                "name": row.layer,
                "depth": row.relative_depth,
                "units": sizes[row.layer_index],
                "low": {},
                "high": {},
            },
        )
        quantity = row.quantity.removeprefix("dissection/")
        layer[quantity] = row.value
        layer["low"][quantity], layer["high"][quantity] = row.low, row.high
    return [found[index] for index in sorted(found)]


def _bars(layers: list[dict[str, Any]], categories: Sequence[str]) -> dict[str, Any]:
    """Stacked bars over depth: heights in shares of the tallest."""
    tallest = max((layer["unique_by_category"] for layer in layers), default=0) or 1
    stacks = []
    for layer in layers:
        bottom = 0.0
        parts = []
        for category in categories:
            height = layer.get(f"unique_{category}", 0) / tallest
            parts.append({"category": category, "bottom": bottom, "height": height})
            bottom += height
        stacks.append({"layer": layer, "parts": parts})
    return {"stacks": stacks, "tallest": tallest}


def _sheet(data: ImageData, split_name: str, ids: NDArray[np.int64]) -> tuple[str, int]:
    """All pictures in one, COLUMNS in a row, as a data address; and the side of each."""
    split = data.split(split_name)
    row_of = {int(image): row for row, image in enumerate(split.ids)}
    stored = split.stored(np.array([row_of[int(image)] for image in ids], np.int64))
    pictures = [_shrunk(_picture(each)) for each in stored]  # all at once: photos would fill memory
    side = min(SIDE, max((max(picture.size) for picture in pictures), default=1))
    lines = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, max(1, lines) * side))
    for number, picture in enumerate(pictures):
        line, column = divmod(number, COLUMNS)
        sheet.paste(picture.resize((side, side)), (column * side, line * side))
    file = io.BytesIO()
    sheet.save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}", side


def _shrunk(picture: Image.Image) -> Image.Image:
    return picture if max(picture.size) <= SIDE else picture.resize((SIDE, SIDE))


def _picture(stored: NDArray[np.uint8] | bytes) -> Image.Image:
    pixels = decode(stored) if isinstance(stored, bytes) else stored
    planes = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return Image.fromarray(planes).convert("RGB")


def _plain(values: list[Any]) -> list[Any]:
    """Numbers as short as a page needs them; None for NaN."""
    return [
        (None if value != value else float(f"{value:.4g}")) if isinstance(value, float) else value
        for value in values
    ]
