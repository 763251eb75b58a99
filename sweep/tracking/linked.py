"""What a trial's run points at: the images that it learned from, and its sealed weights."""

from __future__ import annotations

import json
from typing import Any

from sweep.data.partitions import SPLITS, ImageData
from sweep.sealing import is_sealed, read_manifest
from sweep.space import Trial
from sweep.tracking.store import TAG
from sweep.training.checkpoints import WEIGHTS
from sweep.work import Work


def data_inputs(data: ImageData) -> list[Any]:
    """Both splits as MLflow's data sets, with digest, place and number of images.

    MLflow takes one of a name and digest for each run, so a split is part of the name.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    found = []
    for split in SPLITS:
        profile = {
            "num_images": data.counts[split],
            "num_classes": data.num_classes,
            "image_shape": data.image_shape,
        }
        dataset = Dataset(
            name=f"{data.name}-{split}",
            digest=data.digest,
            source_type="local",
            source=json.dumps({"uri": data.folder.as_uri()}),
            profile=json.dumps(profile),
        )
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return found


def checkpoint_tags(work: Work, trial: Trial) -> dict[str, str]:
    """Where the trial's weights are sealed, and their digest; nothing is copied.

    Of published weights, which are not kept, what they are called.
    """
    folder = work.paths(trial).checkpoint(trial.epoch)
    manifest = read_manifest(folder) if is_sealed(folder) else {}
    facts = manifest.get("files", {}).get(WEIGHTS)
    if facts is not None:
        tags = {TAG + "checkpoint": (folder / WEIGHTS).as_uri()}
        if "sha256" in facts:
            tags[TAG + "checkpoint_sha256"] = facts["sha256"]
        return tags
    if "weights_digest" in manifest:
        model = trial.config.model
        return {
            TAG + "checkpoint": f"{model.name} {model.weights}",
            TAG + "checkpoint_sha256": manifest["weights_digest"],
        }
    return {}
