"""One driver a sweep in a bucket, where no system lets go of a lock: a lease that is renewed.

The holder writes it anew every few seconds. Who finds one that is a minute old, by the bucket's
clock, takes it over, and so does at once a process that holds the same mirror's lock: the driver
that wrote it is dead then. Two that come in the same moment both write and then look who was last.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from sweep.bucket import Bucket
from sweep.errors import ClusterLost, UserError
from sweep.lifeline import SIGNAL
from sweep.paths import PROBE_PREFIX, Storage

RENEW_SECONDS = 10.0
OLD_SECONDS = 60.0
SETTLE_SECONDS = 2.0  # longer than a write takes


@contextmanager
def only_lease(storage: Storage, name: str) -> Iterator[None]:
    """Hold the lease of the sweep `name`, where the storage is a bucket.

    The lock of the mirror must be held. Raises UserError with the other's host and process if
    one is alive. If another takes it over, what runs inside ends with ClusterLost: in the main
    thread at once, in another when it is done.
    """
    if not storage.remote:
        yield
        return
    lease = _Lease(Bucket.reach(storage.remote), name, str(storage.folder))
    lease.take()
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(ended,), daemon=True)
    try:
        with lease.interrupting():
            renewing.start()
            yield
        if lease.lost:
            raise ClusterLost(lease.lost)
    finally:
        ended.set()
        renewing.join()
        with suppress(UserError):  # a bucket that is away; the lease ends by itself
            lease.give_back()


class _Lease:
    """One driver's claim to a sweep. mirror: the folder whose lock it holds."""

    def __init__(self, bucket: Bucket, sweep: str, mirror: str) -> None:
        self._bucket = bucket
        self._sweep = sweep
        self._name = f"leases/{sweep}.json"
        self._owner = uuid.uuid4().hex
        # Containers may have the host's name and the same path, but not the same folder there.
        folder = os.stat(mirror)
        self._place = {
            "host": socket.gethostname(),
            "mirror": mirror,
            "boot": _boot(),
            "folder": f"{folder.st_dev}:{folder.st_ino}",
        }
        self._main: int | None = None  # the thread to interrupt
        self._signalling = threading.Lock()
        self.lost = ""

    def take(self) -> None:
        holder = self._holder()
        if (
            holder is not None
            and not self._is_mine(holder)
            and _age(self._bucket, self._name) < OLD_SECONDS
        ):
            raise UserError(
                f"sweep {self._sweep!r} is being run already by process {holder.get('pid')} on "
                f"{holder.get('host')}: wait for it, or choose another --storage; if it is dead, "
                f"its claim ends {OLD_SECONDS:.0f} s after its last sign of life"
            )
        self._write()
        if holder is not None and self._is_mine(holder):
            return
        time.sleep(SETTLE_SECONDS)
        last = self._holder()
        if last is None or last.get("owner") != self._owner:
            raise UserError(
                f"sweep {self._sweep!r} was begun by another in this moment: wait for it, or "
                "choose another --storage"
            )

    def renew_until(self, ended: threading.Event) -> None:
        """Write it anew again and again; one that another has taken over is left alone."""
        while not ended.wait(RENEW_SECONDS):
            try:
                holder = self._holder()
                if holder is not None and holder.get("owner") != self._owner:
                    return self._tell(holder)
                self._write()
            except UserError:
                continue  # a bucket that is away for a while; the sweep itself will tell
        return None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """End what runs inside with ClusterLost when the lease is lost, if in the main thread.

        The signal is the one of the lifeline, which may have it while this is inside: either's
        handler raises a KeyboardInterrupt, and here is known why.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(SIGNAL, self._raise_lost)
        self._main = threading.get_ident()
        try:
            yield
        except KeyboardInterrupt:
            if self.lost:
                raise ClusterLost(self.lost) from None
            raise
        finally:
            self._main = None  # a signal that comes from now on finds nobody to stop
            with self._signalling:
                signal.signal(SIGNAL, before)

    def _tell(self, holder: dict[str, str]) -> None:
        self.lost = (
            f"sweep {self._sweep!r} was taken over by process {holder.get('pid')} on "
            f"{holder.get('host')}, for this one gave no sign of life for {OLD_SECONDS:.0f} s; "
            "what is sealed is kept: wait for the other"
        )
        with self._signalling:
            if self._main is not None:
                signal.pthread_kill(self._main, SIGNAL)

    def _raise_lost(self, _: int, __: FrameType | None) -> None:
        if self._main is not None:
            self._main = None  # once
            raise KeyboardInterrupt

    def give_back(self) -> None:
        holder = self._holder()
        if holder is not None and holder.get("owner") == self._owner:
            self._bucket.remove(self._name)

    def _is_mine(self, holder: dict[str, str]) -> bool:
        """Whether it was written by a driver of this mirror, which must be dead by now."""
        return all(holder.get(key) == value for key, value in self._place.items())

    def _holder(self) -> dict[str, str] | None:
        content = self._bucket.read(self._name)
        try:
            return None if content is None else dict(json.loads(content))
        except ValueError:
            return {}

    def _write(self) -> None:
        claim = {"owner": self._owner, "pid": str(os.getpid()), **self._place}
        self._bucket.write(self._name, (json.dumps(claim) + "\n").encode())


def _age(bucket: Bucket, name: str) -> float:
    """Seconds since a lease was renewed, by the bucket's clock: machines' may differ."""
    probe = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
    bucket.write(probe, b"")
    now, then = bucket.changed(probe), bucket.changed(name)
    bucket.remove(probe)
    return (now - then).total_seconds() if now and then else 0.0


def _boot() -> str:
    """Tells this machine, since it was started, from every other of its name."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def lease_holder(storage: Storage, name: str) -> str:
    """The driver that runs a sweep in a bucket, by its last sign of life; "" if none does."""
    bucket = Bucket.reach(storage.remote)
    place = f"leases/{name}.json"
    content = bucket.read(place)
    if content is None:
        return ""
    try:
        age = _age(bucket, place)
    except UserError:  # reading is allowed, and writing isn't: this machine's clock has to do
        changed = bucket.changed(place)
        age = time.time() - changed.timestamp() if changed else 0.0
    if age > OLD_SECONDS:
        return ""
    try:
        holder = json.loads(content)
    except ValueError:
        return "unknown"
    return f"{holder.get('pid')} on {holder.get('host')}"
