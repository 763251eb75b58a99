"""Showing a running sweep: live in a terminal, plain lines in a log, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweep.space import Trial
from sweep.training.checkpoints import Record
from sweep.work import Failure

PLAIN_SECONDS = 10.0
BAR_WIDTH = 30


class Progress(Protocol):
    """Shows the counts of a run. All methods may be called from any thread."""

    def note(self, text: str) -> None:
        """A line that stays."""

    def begin(self, status: Status) -> None:
        """The sweep begins: show `status` from now on."""

    def update(self) -> None:
        """The status changed."""

    def end(self) -> None:
        """The sweep ended: stop showing."""


@dataclass
class Status:
    """Where a sweep stands. `skipped` trials were sealed before it began."""

    total: int
    skipped: int
    trained: int = 0
    measured: int = 0
    failed: int = 0
    running: dict[str, tuple[str, Record]] = field(default_factory=dict)
    newest: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        return self.skipped + self.measured + self.failed

    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first trial is done."""
        finished = self.measured + self.failed
        if not finished:
            return None
        return (time.monotonic() - self.began) / finished * (self.total - self.done)

    def line(self) -> str:
        """All of it in one line."""
        return self.counts() + (f"; newest: {self.newest}" if self.newest else "")

    def counts(self) -> str:
        """How many are done, running and failed, and the time left."""
        left = self.seconds_left()
        parts = [
            f"{self.done}/{self.total} done",
            f"{len(self.running)} running",
            f"{self.failed} failed",
            f"about {left:.0f} s left" if left is not None else "time left: unknown yet",
        ]
        return ", ".join(parts)


class SilentProgress:
    """Shows nothing."""

    def note(self, text: str) -> None:
        pass

    def begin(self, status: Status) -> None:
        pass

    def update(self) -> None:
        pass

    def end(self) -> None:
        pass


class PlainProgress:
    """A line now and then, for logs."""

    def __init__(self, write: Callable[[str], None], seconds: float = PLAIN_SECONDS) -> None:
        self._write = write
        self._seconds = seconds
        self._status: Status | None = None
        self._written = 0.0
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        self._write(text)

    def begin(self, status: Status) -> None:
        self._status = status
        self._written = time.monotonic()

    def update(self) -> None:
        with self._lock:
            due = time.monotonic() - self._written >= self._seconds
            if self._status is not None and due:
                self._written = time.monotonic()
                self._write(self._status.line())

    def end(self) -> None:
        if self._status is not None:
            self._write(self._status.line())
            self._status = None


class LiveProgress:
    """A bar and the running trials, redrawn in place."""

    def __init__(self, console: Any) -> None:
        self._console = console
        self._status: Status | None = None
        self._live: Any = None

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)

    def begin(self, status: Status) -> None:
        from rich.live import Live

        self._status = status
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=4, transient=True
        )
        self._live.start()

    def update(self) -> None:
        pass  # redrawn by itself, four times a second

    def end(self) -> None:
        if self._live is not None and self._status is not None:
            self._live.stop()
            self._live = None
            self.note(self._status.line())

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        status = self._status
        if status is None:
            return Text("")
        table = Table.grid(padding=(0, 2))
        for name, record in list(status.running.values()):
            table.add_row(
                Text(f"  {name}", style="cyan"),
                f"epoch {record['epoch']:.0f}" if record else "at work",
                f"loss {record['train_loss']:.3f}" if record else "",
                f"test accuracy {record['test_accuracy']:.3f}" if record else "",
            )
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(1, status.total), completed=status.done, width=BAR_WIDTH)
        head.add_row(bar, Text(status.counts()))
        newest = Text(f"  newest: {status.newest}" if status.newest else "", style="green")
        return Group(head, newest, table)


@dataclass
class StatusObserver:
    """Keeps a Status up to date with the events of a sweep, and passes on what ended.

    on_measured, on_failed: called once per trial, from the thread that told it; the first
        says in a few words what the trial came out as.
    """

    status: Status
    progress: Progress
    on_measured: Callable[[Trial], str]
    on_failed: Callable[[Trial, Failure], None]
    on_started: Callable[[], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, trial: Trial) -> None:
        self.on_started()
        self.status.running[trial.key] = (trial.name, {})
        self.progress.update()

    def epoch(self, trial: Trial, record: Record) -> None:
        self.status.running[trial.key] = (trial.name, record)
        self.progress.update()

    def trained(self, trial: Trial) -> None:
        self.status.running.pop(trial.key, None)
        self.status.trained += 1
        self.progress.update()

    def measured(self, trial: Trial) -> None:
        self.status.newest = self.on_measured(trial)
        self.status.measured += 1
        self.progress.update()

    def failed(self, trial: Trial, failure: Failure) -> None:
        self.status.running.pop(trial.key, None)
        with self._lock:  # training and measuring fail in threads of their own
            self.status.failed += 1
        self.on_failed(trial, failure)
        self.progress.note(f"failed: {trial.name} ({failure.stage}): {failure.reason}")
        self.progress.update()
