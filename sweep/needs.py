"""What the networks of a sweep need besides idsweep: modules and files of the user's."""

from __future__ import annotations

from typing import Any

from sweep.config import SweepConfig


def needed(config: SweepConfig) -> tuple[list[str], list[str]]:
    """Modules and files, as they are named, that every node needs to build a sweep's networks."""
    from sweep.models.names import source_of
    from sweep.models.settings import is_file_name

    names = {config.model.name, *_axis(config, "model.name")}
    weights = {config.model.weights, *_axis(config, "model.weights")} - {None}
    modules = {name.partition(":")[0] for name in names if source_of(name) == "own"}
    files = {name for name in weights if is_file_name(name)}
    return sorted(modules), sorted(files)


def _axis(config: SweepConfig, key: str) -> set[Any]:
    """Every value that the space gives a setting."""
    found: set[Any] = set()
    for block in config.space:
        domain = block.get(key)
        values = getattr(domain, "grid", None) or getattr(domain, "choice", None)
        found |= set(values or ([domain] if isinstance(domain, str) else []))
    return found
