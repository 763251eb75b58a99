"""One network's dissection as tables for a terminal."""

from __future__ import annotations

from rich.console import Console

from sweep.dissecting import DissectedNetwork
from sweep.report.console import plain_table, say

SHOWN = ("detectors", "unique_detectors", "unique_by_category", "null_unique_detectors",
         "rotated_unique_detectors", "dead_units")  # fmt: skip
BEST_UNITS = 10


def print_dissection(found: DissectedNetwork, console: Console) -> None:
    """Layer by layer what is detected; then the units that detect best."""
    layers: dict[int, dict[str, float]] = {}
    names: dict[int, str] = {}
    for row in found.rows:
        if row.layer_index is not None:
            quantity = row.quantity.removeprefix("dissection/")
            layers.setdefault(row.layer_index, {})[quantity] = row.value
            names[row.layer_index] = row.layer
    shown = [name for name in SHOWN if any(name in each for each in layers.values())]
    titles = [name.replace("_", " ") for name in shown]
    table = plain_table("layer", *titles, numeric=set(titles))
    for index in sorted(layers):
        table.add_row(names[index], *(f"{layers[index].get(name, 0):g}" for name in shown))
    console.print(table)
    units = found.units.to_pandas()
    best = units[units["detector"]].sort_values("iou", ascending=False, kind="stable")
    if len(best):
        say(console, f"\nthe best of {len(best)} detectors among {len(units)} units")
        titles = ["IoU", "of at most", "precision", "recall", "p"]
        table = plain_table("unit", "layer", "concept", "category", *titles, numeric=set(titles))
        for unit in best.head(BEST_UNITS).itertuples():
            numbers = (unit.iou, unit.ceiling, unit.precision, unit.recall, unit.p_value)
            table.add_row(
                str(unit.unit),
                unit.layer,
                unit.concept,
                unit.category,
                *(f"{number:.3f}" for number in numbers),
            )
        console.print(table)
    else:
        say(console, f"\nnone of {len(units)} units is a detector")
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in found.seconds.items())
    say(console, f"time: {seconds}")
