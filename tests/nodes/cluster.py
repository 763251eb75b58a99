"""A Ray cluster of several machines on one: each node in namespaces of its own.

    with Machines(folder, cpus=(1, 1)) as machines:     # node 0 is Ray's head
        machines.run(0, ["idsweep", ...])               # a finished process, as subprocess.run
        machines.popen(1, [...])                        # one that runs; killing it kills all of it
        machines.kill(1); machines.join(1)              # the power goes; the node comes back
        machines.pids(1, "raylet")                      # for os.kill: the node's processes by title

`folder/shared` is one folder on all nodes; `folder/private` is each node's own, as are its home,
/dev/shm and Ray's /tmp/ray. Nodes are called node-0, node-1, ... and have 10.77.0.1, .2, ...;
`HUB` is a place without Ray at 10.77.0.254, where servers may stand: `machines.popen(HUB, ...)`.
None of it can be seen from outside, so several such clusters may run at once; all of it ends
with the process that made it, however that ends. Token authentication is on; `token=False` runs
a client without.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

HUB = -1
PORT = 6379
START_SECONDS = 90
PROGRAMS = Path(sys.executable).parent
SECRET = ("AWS_", "MLFLOW_", "RAY_", "IDSWEEP_")
SPACES = ["unshare", "-n", "-m", "-u", "-p", "--fork", "--kill-child", "--mount-proc"]
HOLD = "echo ready; read _"  # until the maker closes the pipe, or dies
SETUP = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /dev/shm
mkdir -p /tmp/ray
mount --bind {own}/ray /tmp/ray
mount --bind {own}/private {folder}/private
hostname node-{node}
ip link set lo up
"""
HUB_SETUP = """set -e
ip link set lo up
ip link add bridge0 type bridge
ip addr add 10.77.0.254/24 dev bridge0
ip link set bridge0 up
"""


def need_namespaces():
    """Skip, or where all tests must run fail, if this machine can't make namespaces."""
    probe = "ip link add b0 type bridge && mount -t tmpfs tmpfs /dev/shm"
    reason = "needs Linux, root, `ip` and `unshare`"
    if all(map(shutil.which, ("unshare", "nsenter", "setpriv", "taskset", "ip", "mount"))):
        command = ["unshare", "-n", "-m", "-p", "--fork", "--mount-proc", "sh", "-c", probe]
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.returncode:
            return
        reason += f" to make namespaces: {done.stderr.strip()}"
    if os.environ.get("IDSWEEP_ALL_TESTS"):
        pytest.fail(reason)
    pytest.skip(reason)


class Machines:
    """The nodes of a cluster. cpus: of each node. cores: the core each is pinned to, if at all.

    options: of `ray start`, for each node alike, such as `--memory=...`. settings: environment
    variables of every process, such as RAY_health_check_period_ms: a lost node is noticed after
    half a minute.
    """

    def __init__(self, folder, cpus=(1, 1), *, cores=None, options=(), settings=None):
        self.folder = Path(folder).resolve()
        self.cpus = list(cpus)
        self.cores = cores
        self.address = f"{self.ip(0)}:{PORT}"
        self._options = list(options)
        self._settings = dict(settings or {})
        self._nodes = {}
        self._token = self.folder / "token"

    def __enter__(self):
        need_namespaces()
        for name in ("shared", "private"):
            (self.folder / name).mkdir(parents=True)
        self._token.write_text("a" * 64)
        self._token.chmod(0o600)
        try:
            self._nodes[HUB] = _hold(HUB_SETUP)
            for node in range(len(self.cpus)):
                self.join(node, wait=False)
            self.wait_for(len(self.cpus))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in sorted(self._nodes, reverse=True):
            self.kill(node)

    @staticmethod
    def ip(node):
        return f"10.77.0.{254 if node == HUB else node + 1}"

    def home(self, node):
        return self.folder / f"node-{node}" / "home"

    def join(self, node, *, wait=True):
        """Start a node, for the first time or again: its disk is as it was."""
        own = self.folder / f"node-{node}"
        for name in ("ray", "private", "home"):
            (own / name).mkdir(parents=True, exist_ok=True)
        before = self.alive() if wait else 0
        holder = self._nodes[node] = _hold(SETUP.format(node=node, own=own, folder=self.folder))
        inside = self._init(node)
        link = f"veth{inside}"
        self._do(HUB, f"ip link add {link} type veth peer name eth0 netns {inside}")
        self._do(HUB, f"ip link set {link} master bridge0 up")
        self._do(node, f"ip addr add {self.ip(node)}/24 dev eth0 && ip link set eth0 up")
        place = ["--head", f"--port={PORT}"] if node == 0 else [f"--address={self.address}"]
        command = [str(PROGRAMS / "ray"), "start", *place, f"--node-ip-address={self.ip(node)}"]
        command += [f"--num-cpus={self.cpus[node]}", "--object-store-memory=200000000"]
        command += ["--disable-usage-stats", "--block", *self._options]
        if node == 0:
            command += ["--include-dashboard=false"]
        if self.cores is not None:
            command = ["taskset", "-c", str(self.cores[node]), *command]
        with (own / "ray.log").open("a") as log:
            ray = self.popen(node, command, stdout=log, stderr=subprocess.STDOUT)
        holder.ray = ray
        if node == 0:
            self._wait(lambda: self._answers() or self._ended(ray, own), "no head")
        if wait:
            self.wait_for(before + 1)

    def kill(self, node):
        """The power goes: every process of the node ends at once."""
        holder = self._nodes.pop(node)
        _release(holder)
        if holder.ray is not None:
            holder.ray.wait(30)

    def restore(self):
        """Bring back the nodes that are down; those that went down a while ago are noticed."""
        for node in range(len(self.cpus)):
            if node not in self._nodes:
                self.join(node, wait=False)
        self.wait_for(len(self.cpus))

    def alive(self):
        """How many nodes the head takes for alive."""
        script = "import ray; ray.init('auto', log_to_driver=False, logging_level='error'); "
        script += "print(sum(node['Alive'] for node in ray.nodes()))"
        done = self.run(0, [sys.executable, "-c", script], timeout=60)
        return int(done.stdout.split()[0]) if not done.returncode else 0  # Ray may add to it

    def wait_for(self, count, seconds=START_SECONDS):
        """Until the head takes so many nodes for alive."""
        self._wait(lambda: self.alive() == count, f"not {count} nodes", seconds)

    def environment(self, node, *, token=True):
        """What a process on the node is given: the token, a home of its own, and no secrets."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(SECRET)}
        kept |= {"OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "token"}
        kept |= {"PATH": f"{PROGRAMS}:{kept['PATH']}"} | self._settings
        if node != HUB:
            kept["HOME"] = str(self.home(node))
        if token:
            kept["RAY_AUTH_TOKEN_PATH"] = str(self._token)
        return kept

    def popen(self, node, command, *, env=None, token=True, **options):
        """A process on the node. If it is killed, what it started on the node ends with it."""
        enter = ["nsenter", "-t", str(self._init(node)), "-n", "-m", "-u", "-p"]
        enter += ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
        given = self.environment(node, token=token) | (env or {})
        return subprocess.Popen(enter, env=given, **options)

    def run(self, node, command, *, timeout=300, **options):
        """Run a command on the node to its end; the process with its output as text."""
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = self.popen(node, command, **pipe, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def pids(self, node, title=""):
        """Processes of the node whose command line holds `title`, as seen from here."""
        here = os.readlink(f"/proc/{self._init(node)}/ns/pid")
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == here:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if title in words:
                        found.append(int(entry.name))
        return found

    def _init(self, node):
        holder = self._nodes[node]
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        return int(children[0])

    def _do(self, node, script):
        # Its network alone, so that a process id means what it means here.
        enter = ["nsenter", "-t", str(self._init(node)), "-n", "sh", "-c", script]
        done = subprocess.run(enter, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr

    def _answers(self):
        probe = f"import socket; socket.create_connection(('{self.ip(0)}', {PORT}), 1)"
        return not self.run(0, [sys.executable, "-S", "-c", probe], timeout=30).returncode

    @staticmethod
    def _ended(process, own):
        assert process.poll() is None, (own / "ray.log").read_text()
        return False

    def _wait(self, condition, problem, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = [path.read_text()[-1500:] for path in self.folder.glob("node-*/ray.log")]
                pytest.fail(f"{problem} after {seconds} s\n" + "\n".join(logs))
            time.sleep(0.2)


def _hold(script):
    """A process in namespaces of its own; they last until `_release`, or until we end."""
    command = [*SPACES, "bash", "-c", script + HOLD]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    holder = subprocess.Popen(command, **pipes, text=True)
    holder.ray = None
    if holder.stdout.readline().strip() != "ready":
        pytest.fail(f"no namespaces: {holder.communicate()[1]}")
    return holder


def _release(holder):
    """End the namespaces and all that runs in them: the kernel ends it with its first process."""
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    with suppress(OSError):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    with suppress(ProcessLookupError):
        holder.kill()
    holder.wait(30)
    for pipe in (holder.stdin, holder.stdout, holder.stderr):
        pipe.close()
