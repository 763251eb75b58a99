"""Finding a data set's files below `data.path`, and saying what was looked for if they lack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import UserError

if TYPE_CHECKING:
    from sweep.config import DataConfig


def find_files(
    config: DataConfig,
    names: Sequence[str],
    folders: Sequence[str],
    suffixes: Sequence[str] = ("",),
    hint: str = "",
) -> dict[str, Path]:
    """Where each of the named files is: all in one of `folders` below `data.path`.

    suffixes: what may follow a name. hint: added to the error, "; ..." in form.

    Raises UserError saying what lacks, where it was looked for and how to get it.
    """
    root = local_root(config)
    best: dict[str, Path] = {}
    for folder in folders:
        found: dict[str, Path] = {}
        for name in names:
            tried = (root / folder / f"{name}{suffix}" for suffix in suffixes)
            path = next((path for path in tried if path.is_file()), None)
            if path is not None:
                found[name] = path
        if len(found) == len(names):
            return found
        best = max(best, found, key=len)
    lacking = [name for name in names if name not in best]
    shown = ", ".join(f"{name}{' or '.join(('', *suffixes[1:]))}" for name in lacking[:4])
    more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
    places = ", ".join(str(root / folder) for folder in folders)
    raise lack(config, f"no {shown}{more} in {places}{hint}")


def local_root(config: DataConfig) -> Path:
    """The folder of `data.path`; raises UserError if there is none."""
    root = Path(config.path or "")
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise lack(config, f"the folder {root} {what}")
    return root


def lack(config: DataConfig, problem: str) -> UserError:
    """The error for files that aren't there: what was looked for, where, how to get it."""
    from sweep.data.catalog import DATASETS

    return UserError(f"data.path: {problem}; {config.name} needs {DATASETS[config.name].files}")
