"""What the autoscaler of a Ray cluster may add: asked of the head, which alone knows.

Ray publishes no limits itself. With `ray up` they stand in the file that the head's monitor was
started with; on Kubernetes in the RayCluster object, which the head's own account may read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROCESSES = Path("/proc")
OPTION = "--autoscaling-config="
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def autoscaling_config() -> dict[str, Any] | None:
    """Runs on the head: the configuration of its autoscaler; None if there is none to be found.

    Only what limits it: `available_node_types`, `head_node_type`, `max_workers`.
    """
    found = _of_monitor() or _of_kubernetes()
    names = ("available_node_types", "head_node_type", "max_workers")
    return {name: found[name] for name in names} if found else None


def _of_monitor() -> Mapping[str, Any] | None:
    import yaml

    for process in PROCESSES.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            paths = [word.removeprefix(OPTION) for word in words if word.startswith(OPTION)]
            if paths and any(word.endswith("monitor.py") for word in words):
                config: Mapping[str, Any] = yaml.safe_load(Path(paths[0]).expanduser().read_text())
                return config
        except (OSError, yaml.YAMLError):
            continue  # gone meanwhile, or another user's
    return None


def _of_kubernetes() -> Mapping[str, Any] | None:
    name = os.environ.get("RAY_CLUSTER_NAME")
    if not name or not NAMESPACE.is_file():
        return None
    from ray.autoscaler._private.kuberay import autoscaling_config as kuberay

    try:
        namespace = NAMESPACE.read_text().strip()
        config: Mapping[str, Any] = kuberay.AutoscalingConfigProducer(name, namespace)()
    except Exception:  # a cluster without autoscaling gives the head no account that may look
        return None
    return config


def node_types(config: Mapping[str, Any]) -> list[tuple[str, int, Mapping[str, float]]]:
    """Name, most nodes at once and resources of each type of worker that may be added."""
    limit = int(config["max_workers"])
    found = []
    for name, kind in config["available_node_types"].items():
        most = min(int(kind.get("max_workers", limit)), limit)
        if name != config["head_node_type"] and most > 0:
            found.append((name, most, kind.get("resources") or {}))
    return found
