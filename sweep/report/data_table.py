"""A prepared data set in the terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from sweep.data.partitions import ImageData
from sweep.report.console import plain_table, say

NUMERIC = {"images", "classes", "least", "most", "partitions", "MB"}
SHOWN = 5


def print_data(data: ImageData, seconds: float | None, console: Console) -> None:
    """Splits, images by class, format, size, problems, digest, place.

    seconds: that preparing took; None if it was there already.
    """
    say(console, f"{data.name}: {_form(data)}, {data.num_classes:,} classes")
    table = plain_table(
        "split", "images", "classes", "least", "most", "partitions", "MB", numeric=NUMERIC
    )
    for split, images in data.counts.items():
        if not images:
            continue
        by_class = np.array(data.class_counts[split])
        there = np.flatnonzero(by_class)
        files = [size for name, size in data.file_bytes.items() if name.startswith(f"{split}-")]
        table.add_row(
            split,
            f"{images:,}",
            f"{len(there):,}",
            _of_class(data, split, there[by_class[there].argmin()]),
            _of_class(data, split, by_class.argmax()),
            f"{len(files):,}",
            f"{sum(files) / 1e6:,.1f}",
        )
    console.print(table)
    say(console, f"mean {_numbers(data.mean)}, deviation {_numbers(data.std)} of training pixels")
    for line in problem_lines(data):
        say(console, line)
    if data.concepts:
        counts = (f"{len(names):,} of {category}" for category, names in data.concepts.items())
        say(console, f"concepts: {', '.join(counts)}")
    if data.latent_dimension is not None:
        say(console, f"latent dimension: {data.latent_dimension} continuous factors")
    say(console, f"digest: {data.digest}")
    if seconds is None:
        say(console, f"was there already: {data.folder} (delete it to prepare it anew)")
    else:
        say(console, f"prepared in {seconds:.1f} s: {data.folder}")


def problem_lines(data: ImageData) -> list[str]:
    """A line for each kind of problem there is; one that says so if there is none."""
    problems = data.problems
    words = {
        "corrupt": "corrupt images, left out",
        "bad_labels": "images without a valid label, left out",
        "duplicates": "images equal to an earlier one",
        "empty_classes": "classes without an image",
        "ignored_files": "files passed over, since their names are no image's",
    }
    lines = []
    for kind, text in words.items():
        count, named = problems[kind]["count"], problems[kind]["named"]
        if not count:
            continue
        if kind == "duplicates":
            text += (
                f" ({problems['across_splits']:,} in test of one in train, "
                f"{problems['conflicting']:,} under another label)"
            )
        more = f" and {count - SHOWN:,} more" if count > SHOWN else ""
        lines.append(f"{count:,} {text}: {', '.join(named[:SHOWN])}{more}")
    return lines or ["no problems found"]


def _form(data: ImageData) -> str:
    if data.image_shape is not None:
        channels, height, width = data.image_shape
        color = "grey" if channels == 1 else "color"
        return f"{height} x {width} {color}, kept as pixels"
    least, most = ("x".join(map(str, data.sizes[which])) for which in ("least", "most"))
    return f"{least} to {most} pixels, kept as encoded files"


def _of_class(data: ImageData, split: str, label: np.integer) -> str:
    return f"{data.class_counts[split][label]:,} ({data.class_names[label]})"


def _numbers(values: list[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)
