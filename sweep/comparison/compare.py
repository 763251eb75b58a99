"""Sides put beside each other: profiles and scalars, with what is beyond noise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sweep.comparison.convention import Convention, convention_of, describe, find_warnings
from sweep.comparison.groups import Group, read_groups
from sweep.comparison.naming import parse_condition, parse_name
from sweep.comparison.networks import layer_quantities, standard_error
from sweep.comparison.pairs import Matrix, compare_sides, summarize_side
from sweep.comparison.places import find_places
from sweep.comparison.result import Comparison, Pair, ProfileComparison, ScalarSides
from sweep.comparison.words import correction_in_words, profile_sentences
from sweep.errors import UserError
from sweep.measuring import is_control
from sweep.nearest import nearest
from sweep.scalars import scalar_name

ALL = "all"
# Of each network, and of each layer quantity that is compared.
OF_NETWORK = ("test_accuracy", "num_parameters")
OF_QUANTITY = ("last_hidden", "peak", "peak_depth", "slope")
MIN_SIDES = 2


def compare_groups(
    names: Sequence[str],
    storage: str | Path,
    *,
    quantities: Sequence[str] = (),
    where: Sequence[str] = (),
    all_pairs: bool = False,
) -> Comparison:
    """Read what is named, and compare all sides with the first, or each with each.

    quantities: measured per layer, or "all"; none takes the main one. where: such as
    "training.label_noise=0", of all sides. Raises UserError, in one line.
    """
    if len(names) < MIN_SIDES:
        raise UserError(
            f"compare needs two names or more, but got {len(names)}: say, digits/cnn and digits/mlp"
        )
    conditions = [parse_condition(text) for text in where]
    groups = read_groups([parse_name(name) for name in names], storage, conditions)
    found = compare_read(groups, quantities=quantities, all_pairs=all_pairs)
    if not conditions:
        return found
    said = " and ".join(one.text for one in conditions)
    return replace(found, notes=(f"of all sides only networks with {said}", *found.notes))


def compare_read(
    groups: Sequence[Group], *, quantities: Sequence[str] = (), all_pairs: bool = False
) -> Comparison:
    """Compare groups that are read."""
    chosen = _quantities(groups, quantities)
    if all_pairs:
        pairs = list(itertools.combinations(range(len(groups)), 2))
    else:
        pairs = [(0, other) for other in range(1, len(groups))]
    profiles, warnings, notes = [], [], []
    for group in groups:
        if group.missing:
            notes.append(f"{group.label}: {group.missing} more are not measured, and left out")
    for quantity in chosen:
        conventions = [convention_of(group, quantity) for group in groups]
        try:
            profiles.append(_compare_profile(quantity, groups, conventions, pairs))
        except UserError as error:
            if ALL not in quantities:
                raise
            notes.append(f"left out, {error}")
            continue
        warnings += find_warnings(groups, conventions)
        for group, side in zip(groups, profiles[-1].sides, strict=True):
            if side.networks < len(group.networks):
                lacking = len(group.networks) - side.networks
                notes.append(f"{lacking} of {group.size} in {group.label} have no {quantity}")
    if not profiles:
        raise UserError(notes[-1])
    compared = [profile.quantity for profile in profiles]
    main = [convention_of(group, compared[0]) for group in groups]
    scalars, scalar_pairs, lacking_scalars = _compare_scalars(compared, groups, main, pairs)
    notes += lacking_scalars
    return Comparison(
        sides=tuple(describe(group, own) for group, own in zip(groups, main, strict=True)),
        warnings=tuple(dict.fromkeys(warnings)),
        notes=tuple(notes),
        profiles=tuple(profiles),
        scalars=scalars,
        scalar_pairs=scalar_pairs,
        correction=correction_in_words(profiles[0].kind, len(profiles[0].names), len(pairs)),
    )


def _quantities(groups: Sequence[Group], asked: Sequence[str]) -> list[str]:
    """The layer quantities to compare: those that every side has."""
    per_side = [layer_quantities(group.networks) for group in groups]
    common = [name for name in per_side[0] if all(name in other for other in per_side)]
    if not common:
        raise UserError(
            "the sides have no layer quantity in common: "
            + "; ".join(
                f"{group.label} has {', '.join(names) or 'none'}"
                for group, names in zip(groups, per_side, strict=True)
            )
        )
    if not asked:
        rows = {
            row.quantity: row
            for group in groups
            for network in group.networks[:1]
            for name in reversed(common)
            for row in network.layer_rows.get(name, [])[:1]
        }
        plain = [name for name in common if name in rows and not is_control(rows[name].analysis)]
        bounded = [name for name in plain if rows[name].low is not None]
        return [next(iter(bounded or plain or common))]
    if ALL in asked:
        return common
    for name in asked:
        if name not in common:
            raise UserError(f"--quantity: not all sides have {name!r}; {nearest(name, common)}")
    return list(dict.fromkeys(asked))


def _compare_profile(
    quantity: str,
    groups: Sequence[Group],
    conventions: Sequence[Convention],
    pairs: Sequence[tuple[int, int]],
) -> ProfileComparison:
    read = [[(n, n.curve(quantity)) for n in group.networks] for group in groups]
    curves = [[(n, curve) for n, curve in side if curve is not None] for side in read]
    for group, side in zip(groups, curves, strict=True):
        if not side:
            raise UserError(f"{group.label}: no layer has a number for {quantity}")
    places = find_places(quantity, [curve for side in curves for _, curve in side])
    matrices = []
    for side in curves:
        value, error = places.read([curve for _, curve in side])
        matrices.append(Matrix([network for network, _ in side], value, error))
    found = compare_sides(groups, matrices, conventions, pairs, places)
    return ProfileComparison(
        quantity,
        places.kind,
        places.names,
        tuple(map(float, places.depth)),
        tuple(summarize_side(g.label, m) for g, m in zip(groups, matrices, strict=True)),
        found,
        tuple(line for pair in found for line in profile_sentences(quantity, places.kind, pair)),
    )


def _compare_scalars(
    quantities: Sequence[str],
    groups: Sequence[Group],
    conventions: Sequence[Convention],
    pairs: Sequence[tuple[int, int]],
) -> tuple[tuple[ScalarSides, ...], tuple[Pair, ...], list[str]]:
    """What sums up networks, where all networks of all sides have it; and what is left out."""
    names, left_out = [], []
    for name in (*OF_NETWORK, *(scalar_name(q, s) for q in quantities for s in OF_QUANTITY)):
        lacking = {g.label: sum(name not in n.scalars for n in g.networks) for g in groups}
        there = sum(len(group.networks) for group in groups) - sum(lacking.values())
        if not any(lacking.values()):
            names.append(name)
        elif there:
            said = " and ".join(f"{count} in {label}" for label, count in lacking.items() if count)
            left_out.append(f"{name} is left out: {said} have none")
    if not names:
        return (), (), left_out
    matrices = []
    for group in groups:
        found = [[network.scalars[name] for name in names] for network in group.networks]
        value = np.array([[one.value for one in row] for row in found])
        error = np.array([[standard_error(one.low, one.high) for one in row] for row in found])
        matrices.append(Matrix(group.networks, value, error))
    sides = [
        summarize_side(group.label, matrix) for group, matrix in zip(groups, matrices, strict=True)
    ]
    rows = tuple(
        ScalarSides(
            name,
            tuple(side.mean[place] for side in sides),
            tuple(side.low[place] for side in sides),
            tuple(side.high[place] for side in sides),
        )
        for place, name in enumerate(names)
    )
    return rows, compare_sides(groups, matrices, conventions, pairs, None, names), left_out
