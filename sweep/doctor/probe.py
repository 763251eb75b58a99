"""What a node tells of itself. Standard library alone: sent to nodes by value (`sweep.nodes`)."""

from __future__ import annotations

import glob
import json
import os
import platform
import shutil
import subprocess
import sys
from typing import Any

PACKAGES = ("ray", "torch", "torchvision", "numpy", "pyarrow", "mlflow", "idsweep")
GPU_SECONDS = 40.0
GIGABYTE = 1e9
COMPUTE = """
import json, torch
found = []
for index in range(torch.cuda.device_count()):
    ones = torch.ones(256, 256, device=f"cuda:{index}")
    right = (ones @ ones).sum().item() == 256.0**3
    found.append([torch.cuda.get_device_name(index), right])
print(json.dumps(found))
"""


def examine(folder: str, counted_gpus: float) -> dict[str, Any]:
    """Versions, limits, disks and GPUs of this machine.

    folder: of the storage, or what is there of the path to it. counted_gpus: by Ray.
    """
    return {
        "versions": versions(),
        "open_files": _open_files(),
        "memory_free": _memory_free(),
        "shared_memory": disk("/dev/shm"),  # noqa: S108
        "temporary": disk(_ray_folder()),
        "storage": disk(folder),
        "gpus": _gpus() if counted_gpus or glob.glob("/dev/nvidia[0-9]*") else {"found": []},
    }


def versions() -> dict[str, str]:
    """What must be equal on all machines, by name; "none" for what is not installed."""
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    if found["idsweep"] != "none":
        found["idsweep"] += f" ({_digest('sweep')[:8]})"
    return found


def lacking(modules: list[str], paths: list[str]) -> list[str]:
    """Which modules can't be found and which files are not there."""
    from importlib.util import find_spec

    found = []
    for module in modules:
        try:
            there = find_spec(module) is not None
        except (ImportError, ValueError):
            there = False
        if not there:
            found.append(f"module {module}")
    return found + [f"file {path}" for path in paths if not os.path.exists(path)]


def _digest(package: str) -> str:
    """Of a package's sources: the same version may be another state of the code."""
    import hashlib
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return ""
    root = next(iter(spec.submodule_search_locations))
    digest = hashlib.sha256()
    for path in sorted(glob.glob(f"{root}/**/*.py", recursive=True)):
        with open(path, "rb") as file:
            digest.update(os.path.relpath(path, root).encode() + file.read())
    return digest.hexdigest()


def _open_files() -> int | None:
    """How many files a process may have open; None: any number."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _memory_free() -> list[float] | None:
    """GB available and in all."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":") for line in file)
        return [
            int(lines[name].split()[0]) * 1024 / GIGABYTE for name in ("MemAvailable", "MemTotal")
        ]
    except (OSError, KeyError, ValueError):
        return None


def disk(folder: str) -> list[float] | None:
    """GB free and in all where a folder is; None if it is not there."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return [usage.free / GIGABYTE, usage.total / GIGABYTE]


def _ray_folder() -> str:
    """Where Ray spills and logs on this node."""
    try:
        from ray._private.worker import _global_node

        return str(_global_node.get_temp_dir_path())
    except Exception:  # outside a worker, or another Ray: its usual place
        return "/tmp/ray" if os.path.isdir("/tmp/ray") else "/tmp"  # noqa: S108


def _gpus() -> dict[str, Any]:
    """What torch sees and computes, in a process of its own: Ray hides GPUs from one without."""
    hidden = ("CUDA_VISIBLE_DEVICES", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    try:
        done = subprocess.run(
            [sys.executable, "-c", COMPUTE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=GPU_SECONDS,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return {"found": [], "problem": lines[-1][:200]}
        return {"found": json.loads(done.stdout.strip().splitlines()[-1])}
    except subprocess.TimeoutExpired:
        return {"found": [], "problem": f"no answer within {GPU_SECONDS:g} s"}
    except (OSError, ValueError, IndexError) as error:
        return {"found": [], "problem": str(error)[:200]}
