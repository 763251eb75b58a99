"""Noticing that the Ray cluster under a running sweep is gone: its raylet here, or its head.

Without this a driver waits for ever, takes every open trial for failed, or is ended by Ray
after a minute without a word.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sweep.errors import ClusterLost

POLL_SECONDS = 0.5
ANSWER_SECONDS = 3.0
# A head started here doesn't come back. One elsewhere may, if it keeps its state outside; Ray
# waits so long for it, a minute by default, and then ends this process by itself.
PATIENCE_HERE = 1.5
RAYS_PATIENCE, RAYS_SECONDS = "RAY_gcs_rpc_server_reconnect_timeout_s", 60.0
SECONDS_TO_END = 10.0
SECONDS_BEFORE_RAY = SECONDS_TO_END + 5.0
NO_RAYLET = "the raylet of this node has ended"
SIGNAL = signal.SIGUSR2  # the first user signal is Tune's
ENDED = (ConnectionRefusedError, FileNotFoundError, ProcessLookupError)
PEER = struct.Struct("3i")  # process, user and group of who listens on a local socket


class _Gone(KeyboardInterrupt):
    """Raised in the main thread, wherever it waits: the one kind that Ray's waiting lets out."""


class Lifeline:
    """Watches the head's port and the raylet of this node from a thread of its own.

    head: its HOST:PORT. raylet: the socket on which this node's raylet listens. where: the
        cluster, in words. here: whether it was started by this process. end: is told, and ends
        the process, if the main thread hangs in a call to what is gone.
    """

    def __init__(
        self,
        head: str,
        raylet: str,
        where: str,
        *,
        here: bool,
        end: Callable[[ClusterLost], None] | None = None,
    ) -> None:
        host, _, port = head.rpartition(":")
        self._head = (host, int(port))
        self._where = where
        self._patience = PATIENCE_HERE if here else _patience_elsewhere()
        self._end = end
        self._ended = threading.Event()
        self._main: int | None = None
        self._signalling = threading.Lock()
        self._left = threading.Event()
        self.lost = ""
        self._raylet: int | None = None
        try:
            self._raylet = _listener(raylet)
        except ENDED:
            self.lost = self._words(NO_RAYLET)
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._ended.set()
        self._thread.join()
        if self._raylet is not None:
            os.close(self._raylet)
            self._raylet = None

    def check(self) -> None:
        """Raise ClusterLost if it is gone: what failed then says nothing of a trial.

        While the head does not answer, wait until it does or is given up.
        """
        if not self.lost and self._raylet is not None and _has_ended(self._raylet):
            self.lost = self._words(NO_RAYLET)
        while not (self.lost or self._ended.is_set() or _answers(self._head)):
            self._ended.wait(POLL_SECONDS)
        if self.lost:
            raise ClusterLost(self.lost)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """End what runs inside with ClusterLost as soon as the cluster is gone.

        Outside the main thread nothing can be interrupted, and only `check` tells.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(SIGNAL, self._raise_gone)
        self._left.clear()
        self._main = threading.get_ident()
        try:
            self.check()
            yield
        except KeyboardInterrupt:  # Ray raises one of its own in the place of ours
            if self.lost:
                raise ClusterLost(self.lost) from None
            raise
        finally:
            self._left.set()
            self._main = None  # a signal that comes from now on finds nobody to stop
            with self._signalling:
                signal.signal(SIGNAL, before)

    def _watch(self) -> None:
        since = time.monotonic()
        while not self._ended.wait(POLL_SECONDS):
            if self._raylet is not None and _has_ended(self._raylet):
                return self._tell(NO_RAYLET)
            if _answers(self._head):
                since = time.monotonic()
            elif time.monotonic() - since > self._patience:
                host, port = self._head
                return self._tell(f"its head at {host}:{port} answers no more")
        return None

    def _words(self, what: str) -> str:
        return (
            f"{self._where} is lost ({what}); what is sealed is kept: "
            "the same command goes on from there"
        )

    def _tell(self, what: str) -> None:
        self.lost = self._words(what)
        with self._signalling:
            if self._main is None:
                return
            signal.pthread_kill(self._main, SIGNAL)
        if not self._left.wait(SECONDS_TO_END) and self._end is not None:
            self._end(ClusterLost(self.lost))

    def _raise_gone(self, _: int, __: FrameType | None) -> None:
        if self._main is not None:
            self._main = None  # once
            raise _Gone


def _patience_elsewhere() -> float:
    """Seconds, so that the end is told before Ray ends the process."""
    try:
        rays = float(os.environ[RAYS_PATIENCE])
    except (KeyError, ValueError):
        rays = RAYS_SECONDS
    return max(PATIENCE_HERE, rays - SECONDS_BEFORE_RAY)


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _listener(path: str) -> int | None:
    """A handle of the process that listens on a local socket; None if it can't be had.

    Raises one of ENDED if none does any more.
    """
    try:
        with socket.socket(socket.AF_UNIX) as raylet:
            raylet.connect(path)
            peer: Any = raylet.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        process = PEER.unpack(peer)[0]
        return os.pidfd_open(process) if process else None
    except ENDED:
        raise
    except (OSError, AttributeError):  # not Linux, or a container that hides processes
        return None


def _has_ended(handle: int) -> bool:
    """Whether the process of the handle has ended: only then is there something to read."""
    return bool(select.select([handle], [], [], 0)[0])
