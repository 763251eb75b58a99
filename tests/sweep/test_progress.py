"""What a person sees while a sweep runs."""

import io

from rich.console import Console

from sweep.config import SweepConfig
from sweep.progress import LiveProgress, PlainProgress, Status, StatusObserver
from sweep.space import make_trials
from sweep.work import Failure

TRIALS = make_trials(SweepConfig.model_validate({"name": "p"}), "digest")
RECORD = {"epoch": 3.0, "train_loss": 0.5, "test_accuracy": 0.875}


def observe(progress, status):
    ended = []
    return ended, StatusObserver(
        status=status,
        progress=progress,
        on_measured=lambda trial: ended.append(trial.key) or f"{trial.name} 0.9",
        on_failed=lambda trial, failure: ended.append(failure.reason),
        on_started=lambda: None,
    )


def test_plain_lines_hold_counts_newest_and_time_left():
    lines = []
    progress = PlainProgress(lines.append, seconds=0)
    status = Status(total=4, skipped=1)
    ended, observer = observe(progress, status)
    progress.begin(status)
    assert "time left: unknown yet" in status.line()
    observer.started(TRIALS[0])
    observer.epoch(TRIALS[0], RECORD)
    assert "1/4 done, 1 running, 0 failed" in status.line()
    observer.trained(TRIALS[0])
    observer.measured(TRIALS[0])
    assert "2/4 done, 0 running, 0 failed, about" in lines[-1]
    assert f"newest: {TRIALS[0].name} 0.9" in lines[-1]
    observer.failed(TRIALS[1], Failure("train", "the loss is not finite"))
    assert f"failed: {TRIALS[1].name} (train): the loss is not finite" in lines
    assert "3/4 done, 0 running, 1 failed" in lines[-1]
    progress.end()
    assert ended == [TRIALS[0].key, "the loss is not finite"]


def test_plain_lines_come_now_and_then():
    lines = []
    progress = PlainProgress(lines.append, seconds=3600)
    progress.begin(Status(total=100, skipped=0))
    for _ in range(50):
        progress.update()
    assert lines == []


def test_live_view_draws_running_trials():
    screen = io.StringIO()
    progress = LiveProgress(Console(file=screen, force_terminal=True, width=100))
    status = Status(total=4, skipped=0)
    _, observer = observe(progress, status)
    progress.begin(status)
    observer.started(TRIALS[0])
    observer.epoch(TRIALS[0], RECORD)
    progress._live.refresh()
    progress.end()
    shown = screen.getvalue()
    assert TRIALS[0].name in shown
    assert "epoch 3" in shown
    assert "test accuracy 0.875" in shown
    assert "0/4 done, 1 running" in shown
