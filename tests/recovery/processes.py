"""The processes of a running sweep, and ending them as a crash would."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial

import psutil

ENDING = ("driver", "raylet", "head")  # with these the run ends, and is started again
WITHIN = ("worker", "actor")  # these the run must live through
KINDS = ENDING + WITHIN


def start(file, folder, log, *more):
    """`idsweep run`, whose Ctrl-C is heard also where whoever started us ignores it."""
    command = [sys.executable, "-m", "sweep", "run", str(file), "--storage", str(folder), *more]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=heard)


def family(driver):
    """All processes of a run by now, its own first."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(driver.pid)
        return [parent, *parent.children(recursive=True)]
    return []


def victims(driver, kind):
    """The processes of one kind that are there now."""
    if kind == "driver":
        return [psutil.Process(driver.pid)] if driver.poll() is None else []
    return [process for process in family(driver)[1:] if kind_of(process) == kind]


def kind_of(process):
    with suppress(psutil.NoSuchProcess, IndexError):
        title = process.cmdline()
        name = os.path.basename(title[0])
        if name in ("raylet", "gcs_server"):
            return {"raylet": "raylet", "gcs_server": "head"}[name]
        # Ray's own agents are called ray::... too, and with one of them ends its raylet.
        if title[0].startswith("ray::MeasuringActor"):
            return "actor"
        if title[0].startswith("ray::ImplicitFunc"):
            return "worker"
    return None


def kill(process):
    """SIGKILL; False if it had ended already."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


def could_write(process):
    """Whether it lives and isn't one of Ray's two agents.

    These write nothing of ours, and end only a minute after their driver. They name
    themselves a while after they start, so the question is asked anew each time.
    """
    try:
        command = process.cmdline()
        agent = any(part.endswith(("Agent", "agent.py", "agent/main.py")) for part in command)
        return process.status() != psutil.STATUS_ZOMBIE and not agent
    except psutil.NoSuchProcess:
        return False
