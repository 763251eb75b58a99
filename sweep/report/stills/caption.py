"""What every still picture says of itself: which networks, which images, which estimator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sweep.measuring.classes import CLASSES
from sweep.results import SweepResults, TrialResult

NAMES = {
    "id": "ID",
    "subsample_id": "ID",
    "jackknife_id": "ID",
    "pc_id": "PC-ID",
    "participation_ratio": "participation ratio",
    "test_accuracy": "test accuracy",
    "test_error": "test error",
}
MANY = 4  # quantities; of more, the first and the last
SUMMARY_NAMES = {
    "_last_hidden": "last hidden layer",
    "_peak_depth": "depth of the peak",
    "_peak": "peak",
    "_slope": "slope",
}


def readable(name: str) -> str:
    """A quantity or a scalar as an axis is labelled.

    >>> readable("id/twonn"), readable("id_last_hidden/twonn"), readable("pc_id@cat")
    ('ID (twonn)', 'ID (twonn), last hidden layer', 'PC-ID, cat')
    """
    measured, _, probe = name.partition("@")
    head, _, tail = measured.partition("/")
    said = f", {probe}" if probe and probe != CLASSES else ""
    for suffix, words in SUMMARY_NAMES.items():
        if head.endswith(suffix):
            head, said = head.removesuffix(suffix), f", {words}{said}"
            break
    label = NAMES.get(head, head.replace("_", " "))
    return label + (f" ({tail})" if tail else "") + said


def describe(
    results: SweepResults,
    drawn: Sequence[TrialResult],
    quantities: Iterable[str],
    *sentences: str,
) -> str:
    """One paragraph: the sentences, then the networks, the estimator and the images."""
    config = results.work.config
    names = list(quantities)
    wanted = set(names)
    told = ", ".join(names) if len(names) <= MANY else f"{names[0]} to {names[-1]}"
    counts = {
        row.num_samples
        for result in drawn
        for row in result.rows
        if row.quantity in wanted and row.num_samples is not None
    }
    ends = sorted({min(counts), max(counts)}) if counts else []
    images = " to ".join(f"{count:,}" for count in ends) or "?"
    parts = [
        *sentences,
        f"{describe_networks(drawn)}; {told}, N\u00a0=\u00a0{images} images of "
        f"{results.work.data.name} ({config.measure.split}); sweep {config.name}.",
    ]
    return " ".join(part for part in parts if part)


def describe_networks(drawn: Sequence[TrialResult]) -> str:
    """How many trained ones of how many configurations, and how many untrained."""
    trained = [result for result in drawn if result.trial.role == "trained"]
    number = len({result.trial.configuration for result in trained})
    words = []
    if trained:
        several = f" in {number:,} configurations" if number < len(trained) else ""
        words.append(f"{_counted(len(trained))} trained{several}")
    if len(trained) < len(drawn):
        rest = len(drawn) - len(trained)
        words.append(f"{rest:,} untrained" if trained else f"{_counted(rest)} untrained")
    return ", ".join(words) or "no network"


def _counted(number: int) -> str:
    return f"{number:,} network{'' if number == 1 else 's'}"


def signed(value: float) -> str:
    """Two decimals with a sign, and none on a zero.

    >>> signed(-0.001), signed(0.5)
    ('0.00', '+0.50')
    """
    text = f"{value:+.2f}"
    return text[1:] if float(text) == 0 else text


def interval(low: float, high: float) -> str:
    """An interval in brackets; with too few configurations there is none.

    >>> interval(-0.5, 0.25), interval(float("nan"), float("nan"))
    ('[-0.50, +0.25]', '[unknown]')
    """
    return "[unknown]" if math.isnan(low) else f"[{signed(low)}, {signed(high)}]"
