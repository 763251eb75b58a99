"""The files of the user's that a network is made from, so that a change is noticed."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.models.names import source_of
from sweep.models.settings import is_file_name
from sweep.sealing import file_digest

if TYPE_CHECKING:
    from sweep.config import ModelConfig


def origin_of(config: ModelConfig) -> dict[str, str]:
    """SHA-256, by path, of the module of one's own and the weights file that are named.

    What the module imports isn't followed. A file that is gone isn't there.
    """
    paths = []
    if source_of(config.name) == "own":
        paths.append(_module_file(config.name.partition(":")[0]))
    if config.weights is not None and is_file_name(config.weights):
        paths.append(Path(config.weights))
    return {str(path): _digest(path, path.stat().st_mtime_ns) for path in paths if path.is_file()}


def _module_file(name: str) -> Path:
    """Where a module's source is; an empty path if that can't be said."""
    known = sys.modules.get(name)
    if known is not None:
        return Path(known.__file__ or "")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return Path()
    finally:
        sys.path.pop(0)
    return Path(found.origin or "") if found else Path()


@functools.lru_cache(maxsize=64)
def _digest(path: Path, _: int) -> str:
    return file_digest(path)
