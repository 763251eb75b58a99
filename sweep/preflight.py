"""Before anything is written: do all nodes run the same versions, and see the same storage?

What runs on the nodes imports the standard library alone: it travels by value, so that a node
with another idsweep, or none, can say so.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.nodes import NodeCalls, RayNode
    from sweep.paths import Storage

PACKAGES = ("ray", "torch", "idsweep")
ANSWER_SECONDS = 60.0
# A network file system may be late by as much in showing a new file.
SEEN_SECONDS = 5.0


def versions() -> dict[str, str]:
    """Runs on each node: what must be equal on all, by name."""
    import platform
    from importlib import metadata

    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def answer_probe(folder: str, name: str, secret: str) -> str:
    """Runs on each node: read the driver's probe in a folder and write the answer beside it.

    Returns "", or why that can't be done.
    """
    place = Path(folder)
    if not place.is_dir():
        return "there is no such folder"
    deadline = time.monotonic() + SEEN_SECONDS
    while not (place / name).is_file():
        if time.monotonic() > deadline:
            return "there it is another folder"
        time.sleep(0.1)
    try:
        text = (place / name).read_text()
        (place / f"{name}-{secret}").write_text(text)
    except OSError as error:
        return f"there it can't be read and written ({error.strerror})"
    return ""


def reach_bucket(uri: str, name: str) -> str:
    """Runs on each node: read the driver's probe in a bucket. Returns "", or why it can't."""
    from sweep.bucket import Bucket
    from sweep.errors import UserError

    try:
        found = Bucket.reach(uri).read(name)
    except UserError as error:
        return str(error)
    return "" if found is not None else f"there is nothing at {uri} for it"


def check_nodes(nodes: list[RayNode], storage: Storage) -> None:
    """Raise UserError unless every node has these versions, and this storage for writing."""
    from sweep.errors import UserError
    from sweep.nodes import NodeCalls

    names = {node.key: node.address for node in nodes}
    with NodeCalls(nodes) as calls:
        answers = calls.ask(versions, seconds=ANSWER_SECONDS)
        for key, reason in answers.missing().items():
            raise UserError(
                f"node {names[key]} of the cluster can't be asked ({reason}): `ray status` says "
                "what is wrong with it"
            )
        here = versions()
        for key, there in answers.given().items():
            for name, version in here.items():
                if there[name] != version:
                    raise UserError(
                        f"node {names[key]} has {name} {there[name]}, but this process has "
                        f"{version}: install the same on all nodes"
                    )
        if storage.remote:
            found = bucket_problems(calls, storage.remote, seconds=ANSWER_SECONDS)
            for key, problem in found.items():
                raise UserError(
                    f"storage: node {names[key]} must reach the bucket too, but {problem}: give "
                    "each node AWS_ENDPOINT_URL and credentials, or a role"
                )
            return
        problems = storage_problems(calls, storage.folder, seconds=ANSWER_SECONDS)
        for key, problem in problems.items():
            raise UserError(
                f"storage: node {names[key]} must see the same folder {storage.folder} as this "
                f"process, but {problem}: choose with --storage a folder that all nodes "
                "share (NFS), or a bucket (s3://...)"
            )


def bucket_problems(calls: NodeCalls, uri: str, *, seconds: float) -> dict[str, str]:
    """Why a node does not reach a bucket that this process reaches, by the node's key."""
    import uuid

    from sweep.bucket import Bucket
    from sweep.paths import PROBE_PREFIX

    name = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
    bucket = Bucket.reach(uri)
    bucket.write(name, b"")
    try:
        answers = calls.ask(reach_bucket, uri, name, seconds=seconds)
        return answers.missing() | {key: why for key, why in answers.given().items() if why}
    finally:
        bucket.remove(name)


def storage_problems(calls: NodeCalls, folder: Path, *, seconds: float) -> dict[str, str]:
    """Why a node has not the folder that this process has, by the node's key; {}: all have it.

    folder: need not exist yet; then what is there of the path to it. It must be writable here.
    """
    import uuid

    from sweep.paths import PROBE_PREFIX

    while not folder.exists():
        folder = folder.parent
    probe = folder / f"{PROBE_PREFIX}{uuid.uuid4().hex}"
    secrets = {key: uuid.uuid4().hex for key in calls.keys}
    try:
        probe.write_text(probe.name)
        arguments = {key: (str(folder), probe.name, secret) for key, secret in secrets.items()}
        answers = calls.ask_each(answer_probe, arguments, seconds=seconds)
        problems = answers.missing() | {key: why for key, why in answers.given().items() if why}
        for key, secret in secrets.items():
            if key not in problems and not _appears(probe.with_name(f"{probe.name}-{secret}")):
                problems[key] = "what it writes there doesn't come here"
        return problems
    finally:
        for path in folder.glob(f"{probe.name}*"):
            path.unlink(missing_ok=True)


def _appears(path: Path) -> bool:
    """Whether a file can be read, perhaps a little later."""
    deadline = time.monotonic() + SEEN_SECONDS
    while not path.is_file():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
