"""Networks that were measured without a sweep: what `idsweep profile` keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ValidationError

from sweep.config import TrialConfig
from sweep.errors import UserError
from sweep.measurement import Measurement, read_rows
from sweep.measuring.sealed import ROWS
from sweep.paths import Storage, TrialPaths
from sweep.results import TrialResult
from sweep.sealing import MANIFEST, is_sealed, read_manifest
from sweep.space import Trial
from sweep.training.checkpoints import read_history


def kept_names(storage: Storage) -> list[str]:
    """Sweeps of the storage that have sealed networks but no plan."""
    found = {path.parents[3].name for path in storage.folder.glob(_sealed("*", "*"))}
    return sorted(found - set(storage.sweep_names()))


def read_kept(storage: Storage, name: str) -> list[TrialResult]:
    """All its networks that are measured. Raises UserError for what can't be read."""
    folders = sorted(path.parents[1] for path in storage.folder.glob(_sealed(name, "*")))
    found = [_read(TrialPaths(folder)) for folder in dict.fromkeys(folders)]
    return [result for result in found if result is not None]


def _sealed(sweep: str, trial: str) -> str:
    return f"sweeps/{sweep}/trials/{trial}/checkpoint-*/{MANIFEST}"


def _read(paths: TrialPaths) -> TrialResult | None:
    """The trial at its last measured epoch, and before; of rows measured twice the newest."""
    pattern = re.compile(r"measured-(\d+\.\d+)")
    epochs = sorted(
        float(match[1])
        for path in paths.folder.iterdir()
        if (match := pattern.fullmatch(path.name)) and is_sealed(paths.checkpoint(float(match[1])))
    )
    there = {epoch: _newest(paths.measured(epoch, "any", "any").parent) for epoch in epochs}
    rows = {epoch: folders for epoch, folders in there.items() if folders}
    if not rows:
        return None
    last = max(rows)
    checkpoint = paths.checkpoint(last)
    manifest = read_manifest(checkpoint)
    try:
        config = TrialConfig.model_validate(manifest["config"])
        trial = Trial(
            manifest["trial"],
            manifest["role"],
            config,
            checkpoint=last,
            population=manifest.get("population", ""),
        )
    except (ValidationError, KeyError) as error:
        raise UserError(
            f"{checkpoint} can't be read (another version of idsweep sealed it): measure again"
        ) from error
    earlier = {epoch: _rows(folders) for epoch, folders in rows.items() if epoch != last}
    return TrialResult(trial, _rows(rows[last]), read_history(checkpoint), earlier)


def _newest(folder: Path) -> list[Path]:
    """The sealed rows of each analysis; of one measured with several settings the newest."""
    newest: dict[str, Path] = {}
    sealed = [path for path in folder.iterdir() if is_sealed(path)]
    for path in sorted(sealed, key=lambda path: (path / MANIFEST).stat().st_mtime):
        analysis = json.loads((path / MANIFEST).read_text()).get("analysis", path.name)
        newest[analysis] = path
    return list(newest.values())


def _rows(folders: list[Path]) -> list[Measurement]:
    return [row for folder in folders for row in read_rows(folder / ROWS)]
