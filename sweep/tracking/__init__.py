"""MLflow: an idempotent projection of what is sealed, written by the driver alone."""

from sweep.secrets import hide_password
from sweep.tracking.background import TrackingThread
from sweep.tracking.catchup import track_trials
from sweep.tracking.embedded import serve_ui
from sweep.tracking.reading import read_experiment, read_sealed
from sweep.tracking.remembered import (
    choose_uri,
    keep_uri,
    remember,
    remembered_uri,
    tracked_elsewhere,
)
from sweep.tracking.store import connect, search_runs, send
from sweep.tracking.tracker import MlflowTracker, NullTracker, Tracker

__all__ = [
    "MlflowTracker",
    "NullTracker",
    "Tracker",
    "TrackingThread",
    "choose_uri",
    "connect",
    "hide_password",
    "keep_uri",
    "read_experiment",
    "read_sealed",
    "remember",
    "remembered_uri",
    "search_runs",
    "send",
    "serve_ui",
    "track_trials",
    "tracked_elsewhere",
]
