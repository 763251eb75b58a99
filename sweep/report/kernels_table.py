"""One network's depthwise kernels as tables for a terminal."""

from __future__ import annotations

from collections import Counter

from rich.console import Console

from sweep.kernels_of import NetworkKernels
from sweep.measuring.kernel_quantities import CLUSTERS
from sweep.measuring.kernel_table import CALLED_OTHER
from sweep.report.console import plain_table, say

NUMBERS = ("kernels", "classified", "initial", "shuffled", "r2", "key r2")
MOST_FAMILIES = 2


def print_kernels(found: NetworkKernels, console: Console) -> None:
    """Layer by layer which families its kernels are in; then the clusters."""
    for each in found.settings["left_out"]:
        say(console, f"left out: {each}")
    if not found.table.num_rows:
        say(
            console,
            f"{found.trial.name}: no depthwise convolution with square, odd kernels of at least "
            "3 x 3 pixels, so there are no kernels to fit",
        )
        return
    layers: dict[int | None, dict[str, float]] = {}
    names: dict[int | None, tuple[str, str]] = {None: ("all", "")}
    for row in found.rows:
        values = layers.setdefault(row.layer_index, {"kernels": row.num_samples or 0})
        values[row.quantity.partition("/")[2]] = row.value
        if row.quantity.endswith("/classified_share"):
            values["kernels"] = row.num_samples or 0
            values["low"], values["high"] = row.low or 0.0, row.high or 0.0
        if row.layer_index is not None:
            size = row.settings["kernel_size"]
            names[row.layer_index] = row.layer, f"{size}x{size}"
    # Without a name the families are broken into lines before a number is cut.
    table = plain_table("layer", "size", *NUMBERS, "", numeric=set(NUMBERS))
    families = found.kernels.kernels
    indices = sorted(index for index in layers if index is not None)
    for index in [*indices, None]:
        own = families if index is None else families[families["layer_index"] == index]
        table.add_row(
            *names[index],
            f"{layers[index]['kernels']:g}",
            *_numbers(layers[index]),
            _most([str(family) for family in own["family"].dropna()]),
        )
    console.print(table)
    say(console, "classified: r2 above what "
        f"{100 * found.settings['false_positive_rate']:g}% of the null's kernels exceed "
        f"({found.settings['null']}), with its 95% interval; the same at initialization, and with "
        "the pixels of each kernel shuffled; then the most frequent families")  # fmt: skip
    whole = layers.get(None, {})
    if "num_clusters" in whole:
        said = [f"{name.replace('_', ' ')} {whole[name]:.3g}" for name in CLUSTERS if name in whole]
        say(console, f"clusters: {', '.join(said)}")
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in found.seconds.items())
    say(console, f"time: {seconds}")


def _numbers(values: dict[str, float]) -> list[str]:
    """As `NUMBERS` has them but for the first; empty what has no value, as of dead kernels."""
    shown = []
    if "classified_share" in values:
        interval = f"[{values['low']:.2f}, {values['high']:.2f}]"
        shown.append(f"{values['classified_share']:.2f} {interval}")
    else:
        shown.append("")
    names = ("initial_share", "permuted_share", "median_r2", "key_r2")
    return shown + [f"{values[name]:.2f}" if name in values else "" for name in names]


def _most(families: list[str]) -> str:
    """Such as "first derivative 40%, on center 12%": the most frequent of those known."""
    counts = Counter(family for family in families if family != CALLED_OTHER)
    return ", ".join(
        f"{family.replace('_', ' ')} {100 * count / len(families):.0f}%"
        for family, count in counts.most_common(MOST_FAMILIES)
    )
