"""What can be put side by side, and how it is named.

`digits`                        a sweep: its trained networks
`digits/cnn`                    an architecture: a family, or one network of it but for its seed
`digits/cnn-w16-d2-s0`          one network, by its name or the beginning of its key
`digits/cnn@5`                  as it was after epoch 5
`digits/cnn,width=16`           those of which that holds; ?width=16&depth=2 is the same
`OTHER/STORAGE:digits/cnn`      of another storage
`results/sweeps/digits/trials/KEY/checkpoint-0020.00`    any folder of a storage
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.errors import UserError
from sweep.given import parsed_value

RELATIONS = ("!=", ">=", "<=", "=", ">", "<")  # the longer ones first
MARKER = "storage.json"
_CONDITION = re.compile(r"(.+?)(!=|>=|<=|=|>|<)(.*)")
_EPOCH = re.compile(r"(.+)@(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Condition:
    """What must hold of a network. key: a setting, role, or a number that sums it up."""

    key: str
    relation: str
    value: Any

    @property
    def text(self) -> str:
        """As people read it, such as "label_noise=0"."""
        shown = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.key}{self.relation}{shown}"

    @property
    def label(self) -> str:
        """The same, where it stands in a network's place: "untrained" says its key itself."""
        return str(self.value) if (self.key, self.relation) == ("role", "=") else self.text


@dataclass(frozen=True)
class Named:
    """One side of a comparison as it was asked for.

    storage: None is the one of the command. what: family, architecture, name or key; None
    takes the whole sweep. epoch: None is the last.
    """

    text: str
    sweep: str
    storage: Path | None = None
    what: str | None = None
    epoch: float | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def short(self) -> str:
        """Without the sweep and the storage; "" for a whole sweep."""
        epoch = "" if self.epoch is None else f"@{self.epoch:g}"
        parts = [self.what or "", *(condition.label for condition in self.conditions)]
        return ", ".join(part for part in parts if part) + epoch


def parse_name(text: str) -> Named:
    """What a side names; nothing is read but whether a folder is there. Raises UserError."""
    text = text.strip()
    if _is_folder(text):
        return _of_folder(text, Path(text))
    head, conditions = _split(text)
    epoch = None
    if match := _EPOCH.fullmatch(head):
        head, epoch = match[1], float(match[2])
    if _is_folder(head):
        named = _of_folder(text, Path(head))
        epoch = named.epoch if epoch is None else epoch
        return Named(text, named.sweep, named.storage, named.what, epoch, conditions)
    storage = None
    before, colon, after = head.partition(":")
    if colon and Path(before).expanduser().is_dir():
        storage, head = Path(before).expanduser(), after
    elif head.startswith(("/", "~", "./", "../")):
        raise UserError(f"{text!r}: there is no folder {before}")
    sweep, _, what = head.strip("/").partition("/")
    if not sweep:
        raise UserError(f"{text!r} names no sweep: say SWEEP, SWEEP/FAMILY or SWEEP/TRIAL")
    return Named(text, sweep, storage, what or None, epoch, conditions)


def parse_condition(text: str) -> Condition:
    """Such as "model.width=16" or "test_accuracy>=0.9"; raises UserError."""
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise UserError(
            f"{text!r} is no condition: say KEY=VALUE, such as training.label_noise=0 "
            f"(also {', '.join(r for r in RELATIONS if r != '=')})"
        )
    key, relation, value = match.groups()
    return Condition(key, relation, parsed_value(text, value))


def _split(text: str) -> tuple[str, tuple[Condition, ...]]:
    head, *rest = re.split(r"[?,]", text, maxsplit=1)
    parts = re.split(r"[&,]", rest[0]) if rest else []
    return head, tuple(parse_condition(part) for part in parts)


def _is_folder(text: str) -> bool:
    """Whether it is a path; the plain name of a sweep is none, whatever lies here."""
    return ("/" in text or text in (".", "..")) and Path(text).expanduser().exists()


def _of_folder(text: str, path: Path) -> Named:
    path = path.expanduser().resolve()
    path = path.parent if path.is_file() else path
    storage = next((one for one in (path, *path.parents) if (one / MARKER).is_file()), None)
    if storage is None:
        raise UserError(f"{text} lies in no idsweep storage (no {MARKER} above it)")
    match path.relative_to(storage).parts:
        case ():
            return Named(text, _only_sweep(text, storage), storage)
        case ("sweeps", name):
            return Named(text, name, storage)
        case ("sweeps", name, "trials", key):
            return Named(text, name, storage, key)
        case ("sweeps", name, "trials", key, checkpoint) if "-" in checkpoint:
            epoch = checkpoint.partition("-")[2]
            if re.fullmatch(r"\d+\.\d+", epoch):
                return Named(text, name, storage, key, float(epoch))
    raise UserError(
        f"{text} is neither a storage nor a sweep, a trial or a checkpoint of one: name "
        f"{storage}/sweeps/NAME/trials/KEY/checkpoint-EPOCH, or what lies above it"
    )


def _only_sweep(text: str, storage: Path) -> str:
    names = sorted(path.name for path in storage.glob("sweeps/*") if path.is_dir())
    if len(names) != 1:
        raise UserError(
            f"{text} holds {'several sweeps' if names else 'no sweep'}: name one, such as "
            f"{text}:{names[0] if names else 'NAME'}"
            + (f"; there is: {', '.join(names)}" if names else "")
        )
    return names[0]
