"""A profile of every torchvision classifier, and of many timm models: what fails, and memory.

Each in a process of its own: 12 drawn photographs, no weights, the default estimators, one
thread. Prints what failed with its reason, and the largest own memory beside the budget. With
an image size, a network that doesn't take it is profiled at its own.

    python benchmarks/registries.py torchvision
    python benchmarks/registries.py timm 200 [image size]
    python benchmarks/registries.py torchvision/vit_h_14,timm/vit_tiny_patch16_224
"""

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from images import write_photos
from neighbors import anonymous_bytes, peak_memory

from sweep.data.partitions import prepare_data
from sweep.models.survey import named_model
from sweep.paths import claim_storage, open_storage
from sweep.profiling import profile_config, profile_network
from sweep.progress import SilentProgress

NUM_IMAGES = 12  # TwoNN wants 10
SECONDS = 240
BUDGET = 4.0  # GB: the default of measure.memory_per_actor


def torchvision_names():
    from torchvision import models

    return [f"torchvision/{name}" for name in models.list_models(module=models)]


def timm_names(count):
    """As many models as asked, families in turn, the smallest of each first."""
    import timm

    families = {}
    for name in timm.list_models():
        families.setdefault(timm.models.model_entrypoint(name).__module__, []).append(name)
    for members in families.values():
        members.sort(key=lambda name: (len(name), name))
    names = []
    while len(names) < count and any(families.values()):
        for members in families.values():
            if members and len(names) < count:
                names.append(f"timm/{members.pop(0)}")
    return names


def settings(photos):
    return [
        "data.name=image_folder",
        f"data.path={photos}",
        f"measure.num_samples={NUM_IMAGES}",
        "measure.threads=1",
        f"measure.memory_per_actor={BUDGET}",
    ]


def profile(name, image_size, photos, folder, queue):
    """One network in this process: its layers, finite IDs, peak memory, or why not."""
    try:
        os.nice(5)
        torch.set_num_threads(1)
        sized = {"image_size": image_size} if image_size else {}
        config = profile_config(named_model(name, **sized), settings(photos))
        storage = open_storage(folder, create=True)
        base = anonymous_bytes()
        found, memory = peak_memory(lambda: profile_network(config, storage, SilentProgress()))
        memory += base
        rows = [row for row in found.rows if row.quantity == "id/twonn"]
        hidden = [row for row in found.rows if row.quantity == "last_hidden"]
        assert len(hidden) == 1, f"{len(hidden)} last hidden layers"
        finite = sum(row.value == row.value for row in rows)
        queue.put((len(rows), finite, memory / 1e9, ""))
    except BaseException as error:
        queue.put((0, 0, 0.0, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"))


def in_process(context, name, image_size, photos, storage):
    """What `profile` found in a process of its own; what it sealed is deleted."""
    queue = context.SimpleQueue()
    process = context.Process(target=profile, args=(name, image_size, photos, storage, queue))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        outcome = (0, 0, 0.0, f"longer than {SECONDS} s")
    elif queue.empty():
        outcome = (0, 0, 0.0, f"its process ended with {process.exitcode}")
    else:
        outcome = queue.get()
    for weights in (storage / "sweeps").rglob("weights.safetensors"):
        weights.unlink()
    return outcome


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "torchvision"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    image_size = int(sys.argv[3]) if len(sys.argv) > 3 else None
    named = {"torchvision": torchvision_names, "timm": lambda: timm_names(count)}
    names = named[kind]() if kind in named else kind.split(",")
    context = multiprocessing.get_context("fork")
    failed, largest, began = {}, (0.0, ""), time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        photos, storage = Path(place) / "photos", Path(place) / "storage"
        write_photos(photos, 24)
        made = open_storage(storage, create=True)
        claim_storage(made)
        prepare_data(profile_config(named_model("cnn"), settings(photos)).data, made)
        for number, name in enumerate(names, start=1):
            started = time.monotonic()
            outcome = in_process(context, name, image_size, photos, storage)
            if outcome[-1] and image_size:
                print(f"{name} at {image_size}: {outcome[-1]}; now at its own size", flush=True)
                outcome = in_process(context, name, None, photos, storage)
            layers, finite, memory, reason = outcome
            seconds = time.monotonic() - started
            told = reason or f"{layers} layers, {finite} finite, {memory:.2f} GB"
            print(f"{number}/{len(names)} {name}: {told} ({seconds:.1f} s)", flush=True)
            if reason or not finite:
                failed[name] = reason or "no finite ID"
            largest = max(largest, (memory, name))
    print(
        f"{len(names) - len(failed)} of {len(names)} profiled in {time.monotonic() - began:.0f} s"
    )
    print(f"largest own memory {largest[0]:.2f} GB ({largest[1]}), budget {BUDGET:g} GB")
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}")


if __name__ == "__main__":
    main()
