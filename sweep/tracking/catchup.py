"""Bringing MLflow up to what is sealed, with word of how far it is."""

from __future__ import annotations

import time

from sweep.progress import Progress
from sweep.results import SweepResults
from sweep.tracking.tracker import MlflowTracker

NOTE_SECONDS = 5.0


def track_trials(
    tracker: MlflowTracker,
    results: SweepResults,
    progress: Progress,
    note_seconds: float = NOTE_SECONDS,
) -> None:
    """Send every trial that MLflow lacks, one after the other; `tracker` has begun."""
    began = told = time.monotonic()
    total = len(results.results)
    for number, result in enumerate(results.results, start=1):
        tracker.trial(results.work, result)
        now = time.monotonic()
        if now - told >= note_seconds:
            told = now
            left = (now - began) / number * (total - number)
            progress.note(f"{number}/{total} trials tracked, about {left:.0f} s left")
    tracker.settle()
