"""A process of the cluster arrives at a sweep: is this the driver's storage, is the data here?"""

from __future__ import annotations

import platform
from dataclasses import replace

from sweep.data.partitions import ImageData
from sweep.errors import TrialFailure
from sweep.mirror import mirror_of
from sweep.paths import storage_id
from sweep.remote import on_this_machine
from sweep.work import Work


def arrive(work: Work) -> Work:
    """The work as it is to be done on this machine; of a storage in a bucket the data is brought.

    Raises TrialFailure if the storage's folder is another than the driver's, so that nothing
    is sealed where the driver won't find it: a node may have joined after preflight.
    """
    if work.storage.remote:
        storage = on_this_machine(work.storage)
        folder = storage.data(work.data.folder.name)
        mirror_of(storage).fetch(folder, whole=True)
        return replace(work, storage=storage, data=ImageData(folder))
    if work.mark and storage_id(work.storage) != work.mark:
        raise TrialFailure(
            f"node {platform.node()} sees another folder at {work.storage.folder} than the driver: "
            "mount the shared one there, or choose with --storage one that all nodes share"
        )
    return work
