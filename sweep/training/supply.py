"""The trials to train, one after the other: those that wait, then those that a search suggests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from sweep.space import Trial


class Suggests(Protocol):
    """Makes trials of what the earlier ones came to."""

    def suggest(self) -> tuple[Trial, list[Trial]] | None:
        """A trial not known before, with the twins to measure beside it; None: no more."""

    def tell(self, trial: Trial) -> None:
        """The trial has ended: trained, stopped early or failed."""


class Supply:
    """Iterates over the trials to train; empty when its time is over.

    seconds: after so many from the first time it is asked, no further trial is given out.
        None: no limit.
    measure: called with each untrained twin that a suggestion brings; set by who measures.
    """

    def __init__(
        self,
        waiting: Iterable[Trial],
        search: Suggests | None = None,
        seconds: float | None = None,
    ) -> None:
        self._waiting = deque(waiting)
        self._search = search
        self._seconds = seconds
        self._ends: float | None = None
        self.measure: Callable[[Trial], None] = lambda _: None
        self.left_out = 0

    @classmethod
    def of(cls, trials: Supply | Iterable[Trial]) -> Supply:
        """Trials that wait, as a supply."""
        return trials if isinstance(trials, Supply) else cls(trials)

    def __bool__(self) -> bool:
        """Whether there may be something to train."""
        return bool(self._waiting) or self._search is not None

    @property
    def waiting(self) -> list[Trial]:
        """Those not given out yet, without what a search may suggest."""
        return list(self._waiting)

    @property
    def is_late(self) -> bool:
        """Whether no training should begin any more."""
        return self._ends is not None and time.monotonic() >= self._ends

    def __iter__(self) -> Iterator[Trial]:
        return self

    def __next__(self) -> Trial:
        if self._ends is None and self._seconds is not None:
            self._ends = time.monotonic() + self._seconds
        if self.is_late:
            self.left_out += len(self._waiting)
            self._waiting.clear()
            raise StopIteration
        if self._waiting:
            return self._waiting.popleft()
        found = None if self._search is None else self._search.suggest()
        if found is None:
            raise StopIteration
        trial, twins = found
        for twin in twins:
            self.measure(twin)
        return trial

    def put_back(self) -> None:
        """One that was given out did not begin in time."""
        self.left_out += 1

    def tell(self, trial: Trial) -> None:
        """The trial has ended."""
        if self._search is not None:
            self._search.tell(trial)
