"""YAML to the settings of a sweep file, with errors that say where and what instead."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sweep import plainyaml
from sweep.config import DOMAINS, SweepConfig, TrialConfig
from sweep.errors import UserError
from sweep.nearest import nearest

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class Reader:
    """One sweep file on its way to a SweepConfig."""

    def __init__(self, origin: str, text: str) -> None:
        self.origin = origin
        self.set_by: dict[Place, str] = {}
        try:
            self.node = plainyaml.compose(text)
            _refuse_twins(self.node, origin)
            self.raw = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{origin}:{mark.line + 1}" if mark else origin
            problem = getattr(error, "problem", None) or str(error)
            raise UserError(f"{where}: not valid YAML: {problem}") from error
        except (ValueError, RecursionError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{origin}: not valid YAML: {error}") from error
        if not isinstance(self.raw, dict):
            raise UserError(
                f"{origin}:1: a sweep file is a mapping of keys such as `name` and `space`, "
                f"but this is {'empty' if self.raw is None else 'a ' + type(self.raw).__name__}"
            )
        if isinstance(self.raw.get("space"), dict):
            # One block may stand without its list.
            self.raw["space"] = [self.raw["space"]]

    def override(self, text: str) -> None:
        key, equals, value_text = text.partition("=")
        if not equals or not key:
            raise UserError(f"--set takes KEY=VALUE, such as training.epochs=2, but got {text!r}")
        try:
            value = plainyaml.load(value_text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {text}: the value is not valid YAML") from error
        place = tuple(key.split("."))
        target = self.raw
        for name in place[:-1]:
            inner = target.get(name)
            if inner is None:
                inner = target[name] = {}
            if not isinstance(inner, dict):
                raise UserError(f"--set {text}: {name} holds no keys")
            target = inner
        target[place[-1]] = value
        self.set_by[place] = f"--set {text}"
        blocks = self.raw.get("space")
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, dict):
                for axis in [a for a in block if f"{a}.".startswith(f"{key}.")]:
                    del block[axis]

    def config(self) -> SweepConfig:
        if isinstance(self.raw.get("sweeps"), list):
            names = ", ".join(map(str, self.raw["sweeps"]))
            raise UserError(f"{self.origin} is a suite of several sweeps; name one: {names}")
        return self.settings(SweepConfig, self._space_problems())

    def settings(self, model: type[Model], problems: Sequence[str] = ()) -> Model:
        """The file as `model`; problems: what else is wrong with it."""
        try:
            config = model.model_validate(self.raw)
        except ValidationError as error:
            problems = [*self._explain(error, model, ()), *problems]
        if problems:
            # One line: the first problem, and how many more there are.
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise UserError(problems[0] + more)
        return config

    def _explain(self, error: ValidationError, model: type[BaseModel], at: Place) -> list[str]:
        # A key that is unknown here may be the misspelt one that is missing.
        details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        return [
            self._line(at + place, _sentence(detail, model, place))
            for detail in details
            for place in [tuple(detail["loc"])]
            if not (place and place[0] == "space" and len(place) > 1)
        ]

    def _line(self, place: Place, sentence: str) -> str:
        for length in range(len(place), 0, -1):
            if place[:length] in self.set_by:
                return f"{self.set_by[place[:length]]}: {sentence}"
        key = ".".join(str(part) for part in place)
        return f"{self.origin}:{self._line_number(place)}: {key}: {sentence}"

    def _line_number(self, place: Place) -> int:
        node, line = self.node, 1
        if len(place) > 1 and place[0] == "space" and isinstance(place[1], int):
            inner = _child(node, "space")
            if inner is not None and isinstance(inner[1], yaml.MappingNode):
                place = ("space", *place[2:])
        for part in place:
            found = _child(node, part)
            if found is None:
                break
            key_node, node = found
            line = key_node.start_mark.line + 1
        return line

    def _space_problems(self) -> list[str]:
        """Every value that an axis can take is tried in place, in the trial it would make."""
        blocks = self.raw.get("space", [])
        if not isinstance(blocks, list):
            return [self._line(("space",), "must be a list of blocks, each a mapping of axes")]
        problems = []
        for number, block in enumerate(blocks):
            if not isinstance(block, dict):
                problems.append(self._line(("space", number), "must be a mapping of axes"))
                continue
            for key, spec in block.items():
                problems += self._axis_problems(("space", number, key), str(key), spec)
        return problems

    def _axis_problems(self, place: Place, key: str, spec: Any) -> list[str]:
        known = axis_names()
        if key not in known:
            return [self._line(place, f"unknown axis; {nearest(key, known)}")]
        if isinstance(spec, list):
            return [self._line(place, f"a list must say how it is used: {{grid: {spec}}}")]
        values: list[Any] = [spec]
        inside: Place = ()
        if isinstance(spec, dict):
            if len(spec) != 1 or next(iter(spec)) not in DOMAINS:
                kind = next(iter(spec), "nothing")
                return [
                    self._line(
                        place,
                        f"an axis is a value or one of {', '.join(DOMAINS)}; got {kind!r}; "
                        + nearest(str(kind), DOMAINS),
                    )
                ]
            kind = next(iter(spec))
            try:
                domain = DOMAINS[kind].model_validate(spec)
            except ValidationError as error:
                return self._explain(error, DOMAINS[kind], place)
            inside = (kind,)
            values = list(getattr(domain, kind))
            if kind in ("uniform", "loguniform", "randint"):
                low, high = values
                if not low < high or (kind == "loguniform" and not low > 0):
                    positive = "0 < low < high" if kind == "loguniform" else "low < high"
                    return [self._line(place + inside, f"`{positive}` must hold, got {values}")]
                values = [low, high - 1] if kind == "randint" else [low, high]
        problems = []
        section, name = key.split(".")
        for index, value in enumerate(values):
            at = place + inside + ((index,) if inside else ())
            try:
                TrialConfig.model_validate({section: {name: value}})
            except ValidationError as error:
                detail = error.errors()[0]
                problems.append(self._line(at, _sentence(detail, TrialConfig, (section, name))))
        return problems


def axis_names() -> list[str]:
    """The keys that a search space may vary."""
    return [
        f"{section}.{name}"
        for section, field in TrialConfig.model_fields.items()
        for name in getattr(field.annotation, "model_fields", {})
    ]


def merged(base: TrialConfig, values: dict[str, Any]) -> TrialConfig:
    """`base` with the values of dotted keys put in; raises pydantic's ValidationError."""
    raw = copy.deepcopy(base.model_dump())
    for key, value in values.items():
        section, name = key.split(".")
        raw[section][name] = value
    return TrialConfig.model_validate(raw)


def _sentence(detail: Any, model: type[BaseModel], place: Place) -> str:
    kind, given = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        names = _keys_at(model, place[:-1])
        return f"unknown key; {nearest(str(place[-1]), names)}"
    if kind == "missing":
        return "is required"
    if kind == "unknown_name":
        context = detail["ctx"]
        return f"unknown {context['what']} {given!r}; {nearest(str(given), context['known'])}"
    if kind in ("no_model", "no_setting", "sentence"):
        return str(detail["msg"])  # a whole sentence, with what was given
    if kind == "too_short":
        return f"must hold at least {detail['ctx']['min_length']} value, but got {given!r}"
    if kind == "model_type":
        keys = ", ".join(_keys_at(model, place))
        return f"must be a mapping of keys, but got {given!r}; allowed: {keys}"
    message = str(detail["msg"])
    return f"{message[0].lower()}{message[1:]}, but got {given!r}"


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The names that may stand at a place, following sections (also optional ones)."""
    current: Any = model
    for part in place:
        if isinstance(part, int):  # one of a list of sections
            continue
        annotation = current.model_fields[part].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        current = next(option for option in options if hasattr(option, "model_fields"))
    return list(current.model_fields)


def _refuse_twins(node: Any, origin: str) -> None:
    """YAML silently takes the last of two equal keys."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{origin}:{line}: a key must be a plain word")
            if key.value in seen:
                first = seen[key.value]
                raise UserError(
                    f"{origin}:{line}: key {key.value!r} stands already in line {first}"
                )
            seen[key.value] = line
    if isinstance(node, yaml.CollectionNode):
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                _refuse_twins(part, origin)


def _child(node: Any, part: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
