"""MLflow: an idempotent projection of what is sealed, written by the driver alone."""

from sweep.tracking.background import TrackingThread
from sweep.tracking.store import (
    connect,
    hide_password,
    read_trials,
    search_runs,
    send,
    serve_ui,
)
from sweep.tracking.tracker import MlflowTracker, NullTracker, Tracker

__all__ = [
    "MlflowTracker",
    "NullTracker",
    "Tracker",
    "TrackingThread",
    "connect",
    "hide_password",
    "read_trials",
    "search_runs",
    "send",
    "serve_ui",
]
