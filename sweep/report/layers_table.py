"""The layers of a network in the terminal, or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from sweep.models.survey import Survey
from sweep.report.console import plain_table, say

NUMERIC = {"units", "depth"}


def print_layers(found: Survey, console: Console) -> None:
    """A row for each layer, and how many more there are."""
    shape = " x ".join(map(str, found.image_shape))
    say(
        console,
        f"{found.model}: images {shape}, {found.num_parameters:,} parameters, "
        f"{found.working_bytes / 1e6:.3g} MB of activations at once per image",
    )
    table = plain_table("layer", "shape", "units", "depth", "auto", "", numeric=NUMERIC)
    for layer in found.layers:
        kept = "" if layer.reduction == "flattened" else f", {layer.reduction} token"
        table.add_row(
            layer.name,
            " x ".join(map(str, layer.shape)) + kept,
            f"{layer.num_units:,}",
            f"{layer.relative_depth:.3f}",
            "auto" if layer.name in found.auto else "",
            "last hidden" if layer.last_hidden else "",
        )
    console.print(table)
    say(console, f"{len(found.layers)} layers; auto takes {len(found.auto)}, all {found.num_all}")


def layers_json(found: Survey) -> dict[str, Any]:
    """The same as plain data."""
    rows = [
        {**asdict(layer), "num_units": layer.num_units, "auto": layer.name in found.auto}
        for layer in found.layers
    ]
    return {
        "model": found.model,
        "image_shape": list(found.image_shape),
        "num_parameters": found.num_parameters,
        "working_bytes": found.working_bytes,
        "num_all": found.num_all,
        "layers": rows,
    }
