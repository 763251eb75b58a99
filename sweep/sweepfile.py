"""Sweep files and suites, ready ones and yours: found by name, read whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sweep import plainyaml
from sweep.config import SuiteConfig, SweepConfig
from sweep.errors import UserError
from sweep.reader import Reader

READY_SWEEPS = Path(__file__).parent / "sweeps"


@dataclass(frozen=True)
class SweepFile:
    """A sweep as given and as understood.

    origin: the path, for messages. text: the file, with any `--set` appended as comments.
    config: what it means.
    """

    origin: str
    text: str
    config: SweepConfig


def ready_sweeps() -> dict[str, Path]:
    """The sweeps that ship with idsweep, by name."""
    return _ready("sweep")


def ready_suites() -> dict[str, Path]:
    """The suites of sweeps that ship with idsweep, by name."""
    return _ready("suite")


def _ready(kind: str) -> dict[str, Path]:
    found = {path.stem: path for path in sorted(READY_SWEEPS.glob("*.yaml"))}
    return {name: path for name, path in found.items() if (kind == "suite") == is_suite(path)}


def is_suite(source: str | Path) -> bool:
    """Whether this names a file of several sweeps, ready or not; false if it can't be read."""
    try:
        raw = plainyaml.load(_path_of(source).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return False
    return isinstance(raw, dict) and "sweeps" in raw


def _path_of(source: str | Path) -> Path:
    ready = READY_SWEEPS / f"{source}.yaml"
    return ready if Path(source).name == str(source) and ready.is_file() else Path(source)


def load_sweep(source: str | Path, overrides: Sequence[str] = ()) -> SweepFile:
    """Read a sweep file, or a ready sweep by its name, and validate all of it.

    overrides: "training.epochs=2" replaces any key; a key that is an axis of the space
        stops being one.

    Raises UserError that names file, line, key, value and what is allowed.
    """
    return parse_sweep(_read(source), str(source), overrides)


def load_suite(source: str | Path) -> tuple[str, SuiteConfig, list[str | Path]]:
    """Read a suite file, or a ready suite by its name: its text, itself, and its sweeps.

    Sweeps are ready ones by name, else files seen from the suite's folder. Raises UserError
    as `load_sweep` does.
    """
    text = _read(source)
    config = Reader(str(source), text).settings(SuiteConfig)
    folder = _path_of(source).parent
    members = [name if name in ready_sweeps() else folder / name for name in config.sweeps]
    return text, config, members


def _read(source: str | Path) -> str:
    try:
        return _path_of(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        ready = ", ".join([*ready_sweeps(), *ready_suites()])
        raise UserError(
            f"can't read sweep file {source} ({reason}); ready sweeps: {ready}"
        ) from error


def parse_sweep(text: str, origin: str, overrides: Sequence[str] = ()) -> SweepFile:
    """The sweep that a text in YAML is, with overrides; origin: what messages call it.

    Raises UserError as `load_sweep` does.
    """
    reader = Reader(origin, text)
    for override in overrides:
        reader.override(override)
    note = "".join(f"# --set {override}\n" for override in overrides)
    gap = "" if text.endswith("\n") or not note else "\n"
    return SweepFile(origin, text + gap + note, reader.config())
