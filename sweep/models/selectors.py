"""Which layers a user means: `auto`, `all`, `last_hidden`, names and patterns."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from sweep.errors import UserError
from sweep.models.points import INPUT, WRAPPED, Point
from sweep.models.trace import Trace


def selected_points(
    points: Sequence[Point], auto: Sequence[Point], trace: Trace, selectors: Sequence[str]
) -> list[Point]:
    """The points that selectors name, each once.

    `auto`: see `auto_layers`. `all`: the output of every call of every module that has a row
    per image; where several have the same numbers (a block and its last part), auto's or else
    the outermost. `last_hidden`: what enters the final classifier. Else a name ("layer1.0",
    "input", "fc.input", "relu:2" for a second call), or a pattern of names: * and ? within one
    part ("layer*.0", "blocks.*"), ** for any number of parts.

    Raises UserError for a selector that names nothing, or what has no row per image.
    """
    if not selectors:
        raise UserError("layers must name at least one layer, but the list is empty: try auto")
    found: dict[str, Point] = {}
    for selector in selectors:
        for point in _matching(selector, points, auto, trace):
            found.setdefault(point.name, point)
    return list(found.values())


def _matching(
    selector: str, points: Sequence[Point], auto: Sequence[Point], trace: Trace
) -> list[Point]:
    if selector == "auto":
        return list(auto)
    if selector == "all":
        return every_point(points, auto)
    if selector == "last_hidden":
        return [_last_hidden(points, auto, trace)]
    by_name = {point.name: point for point in points}
    name = selector.removesuffix(":1")
    if name in by_name:
        if not by_name[name].value.per_image:
            raise UserError(_not_per_image(by_name[name], points, trace.num_images))
        return [by_name[name]]
    if not any(sign in selector for sign in "*?["):
        raise UserError(_unknown(selector, points, trace))
    matches = [
        point
        for point in points
        if (point.side == "output" or point.name == INPUT) and matches_name(selector, point.name)
    ]
    usable = [point for point in matches if point.value.per_image]
    if matches and not usable:
        raise UserError(_not_per_image(matches[0], points, trace.num_images))
    if not matches:
        raise UserError(_unknown(selector, points, trace))
    return usable


def every_point(points: Sequence[Point], auto: Sequence[Point]) -> list[Point]:
    """Every output with a row per image, and auto's points; each content once."""
    outputs = [p for p in points if p.side == "output" and p.value.per_image]
    by_content = {point.value.content: point for point in auto}
    for point in sorted(outputs, key=lambda point: (point.name.count("."), point.order)):
        by_content.setdefault(point.value.content, point)
    return list(by_content.values())


def matches_name(pattern: str, name: str) -> bool:
    """Whether a pattern matches a name, part by part.

    >>> matches_name("layer*.0", "layer1.0"), matches_name("layer*.0", "layer1.0.conv.0")
    (True, False)
    >>> matches_name("**.relu", "layer1.0.relu"), matches_name("relu*", "relu:2")
    (True, True)
    """
    return _match_parts(pattern.split("."), name.split("."))


def _match_parts(pattern: list[str], name: list[str]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(_match_parts(pattern[1:], name[skip:]) for skip in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], pattern[0]) and _match_parts(pattern[1:], name[1:])


def _last_hidden(points: Sequence[Point], auto: Sequence[Point], trace: Trace) -> Point:
    taken = trace.last_hidden
    for point in (*auto, *points):
        if point.value.content == taken.content and point.value.per_image:
            return point
    raise UserError(
        f"what enters the classifier {trace.classifier.module} has shape {taken.shape} for "
        f"{trace.num_images} images, not a row per image: name a layer instead"
    )


def _unknown(selector: str, points: Sequence[Point], trace: Trace) -> str:
    names = [point.name for point in points if point.side == "output" or point.name == INPUT]
    close = difflib.get_close_matches(selector, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    if {selector, f"{WRAPPED}.{selector}"} & trace.uncalled:
        reason = "names a module that the network holds but never calls as one"
    else:
        reason = "matches nothing that the network computes from its images"
    return (
        f"layer {selector!r} {reason}: {hint}"
        "`idsweep layers MODEL --all` prints the names; auto, all and last_hidden go too"
    )


def _not_per_image(point: Point, points: Sequence[Point], num_images: int) -> str:
    shape = point.value.shape
    first = shape[0] if shape else 1
    if first > num_images and first % num_images == 0:
        why = f"{first // num_images} windows or parts of an image each have a row"
    elif first < num_images:
        why = "it sees only part of the images, or all at once"
    else:
        why = "it is not the image"
    parents = {p.name for p in points if p.value.per_image and p.side == "output"}
    name = point.name
    around = ""
    while "." in name and not around:
        name = name.rpartition(".")[0]
        around = name if name in parents else ""
    way = f"take {around} around it" if around else "take another layer"
    return (
        f"layer {point.name!r} gives shape {shape} for {num_images} images: its first axis is "
        f"{first}, since {why}, so it has no point per image; {way}"
    )
