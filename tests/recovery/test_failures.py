"""Which failures are tried again, and what is told of those that aren't."""

import errno

import pytest

from sweep.diskspace import DiskFull, is_full, telling_when_full
from sweep.errors import TrialFailure, UserError
from sweep.paths import TrialPaths
from sweep.watchdog import Hung
from sweep.work import can_be_helped, describe_death, describe_failure, read_failure, record_failure

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "helped", "kind"),
    [
        (OSError(errno.EIO, "Input/output error"), True, "error"),
        (ConnectionResetError("by peer"), True, "error"),
        (MemoryError("no"), True, "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), True, "memory"),
        (RuntimeError("CUDA out of memory. Tried"), True, "memory"),
        (RuntimeError("shapes don't match"), False, "error"),
        (FileNotFoundError(2, "gone", "x"), False, "error"),
        (TrialFailure("the loss is not finite"), False, "error"),
        (Hung("it stood still", "Timeout"), False, "hang"),
        (UserError("no"), False, "error"),
        (FULL, False, "disk"),
    ],
)
def test_tried_again_where_it_can_help(error, helped, kind):
    assert can_be_helped(error) is helped
    assert describe_failure("train", error).kind == kind


def test_a_full_disk_is_known_from_what_libraries_make_of_it():
    error = RuntimeError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )
    assert is_full(error)
    outer = ValueError("could not seal")
    outer.__cause__ = FULL
    assert is_full(outer)
    assert not is_full(ValueError("full of hope"))


def test_a_full_disk_is_told_with_place_and_room(tmp_path):
    words = rf"the disk of {tmp_path} is full: .* MB free"
    with pytest.raises(DiskFull, match=words), telling_when_full(tmp_path):
        raise FULL
    with pytest.raises(ZeroDivisionError), telling_when_full(tmp_path):
        _ = 1 / 0


TWO_ATTEMPTS = """Failure # 1 (occurred at 2026-11-22_01-30-32)
The actor died unexpectedly before finishing this task.
Failure # 2 (occurred at 2026-11-22_01-31-32)
ray::ImplicitFunc.train() (pid=1, ip=127.0.0.1)
Traceback (most recent call last):
  File "trainer.py", line 189, in _step
OSError: [Errno 5] Input/output error
"""


def test_deaths_say_how_often_and_of_what():
    died = describe_death("train", RuntimeError("The actor died unexpectedly"), 4)
    words = "its process died 4 times (killed, or out of memory?)"
    assert (died.kind, died.reason) == ("died", words)
    ray = "Task was killed due to the node running low on memory."
    assert describe_death("measure", ray, 4).kind == "memory"
    raised = describe_death("train", TWO_ATTEMPTS, 2)
    assert raised.reason == "OSError: [Errno 5] Input/output error (2 attempts)"
    assert describe_death("train", TWO_ATTEMPTS.replace("Failure # 2", "x"), 1).kind == "died"
    assert describe_death("train", None, 4).reason == words


def test_failures_of_before_are_read(tmp_path):
    paths = TrialPaths(tmp_path)
    failure = describe_failure("train", Hung("it stood still", "Timeout (0:00:15)!"))
    record_failure(paths, failure)
    assert read_failure(paths) == failure
    paths.failure.write_text('{"stage": "train", "reason": "old", "details": ""}')
    assert read_failure(paths).kind == "error"
