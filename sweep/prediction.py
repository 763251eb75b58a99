"""Test accuracy predicted across families: by which features, and how wrong that is.

Tables in, frozen results out; files, networks and images are `sweep/unlabelled.py`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from sweep.errors import UserError
from sweep.fractional import Fit, GroupFits, without_group
from sweep.predictors import Networks, PredictorSet, feature_column, feature_matrix

LEVEL = 0.9
MEAN = "mean accuracy"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """One network predicted from the other families alone.

    predicted, low, high: accuracy and the ends of its interval. outside: in which way it lies
        outside the range of the others; empty if it doesn't.
    """

    trial: str
    name: str
    family: str
    accuracy: float
    predicted: float
    low: float
    high: float
    covered: bool
    outside: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """How wrong one predictor set is about families it hasn't seen. All in accuracy.

    mae, rmse: mean absolute and root mean squared error, with the standard error over
        families. Each family counts once, in it each configuration, in that each seed.
    gain, gain_low, gain_high: by how much its mae is below that of the mean, with the 95%
        t-interval over families, paired.
    coverage: share of the intervals that hold the accuracy. width: their mean width.
    outside: share of the networks outside the range of the other families.
    """

    predictors: PredictorSet
    mae: float
    mae_error: float
    rmse: float
    rmse_error: float
    gain: float
    gain_low: float
    gain_high: float
    coverage: float
    width: float
    outside: float
    networks: tuple[HeldOut, ...]


@dataclass(frozen=True)
class Comparison:
    """Every predictor set on the same networks; the first set is the one without labels.

    notes: what was left out, and why. group: what is held out, "family" or a dotted key.
    """

    scores: tuple[Score, ...]
    families: tuple[str, ...]
    num_networks: int
    num_configurations: int
    level: float
    group: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)

    def held_out(self, family: str) -> list[HeldOut]:
        """The networks of one family, predicted without it; UserError if there is none."""
        if family not in self.families:
            raise UserError(
                f"no {self.group} {family!r} among those fitted: {', '.join(self.families)}"
            )
        rows = [row for row in self.scores[0].networks if row.family == family]
        return sorted(rows, key=lambda row: row.name)


@dataclass(frozen=True)
class NewNetwork:
    """A network of unknown accuracy, predicted from all families.

    features: its values. ranges: the least and largest fitted. warnings: in which way it lies
        outside; empty if it doesn't. fitted: how many networks it is predicted from.
    """

    name: str
    predicted: float
    low: float
    high: float
    level: float
    features: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    warnings: tuple[str, ...]
    fitted: int

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def compare(networks: Networks, baselines: Sequence[PredictorSet] = ()) -> Comparison:
    """Leave-one-family-out errors of the networks' predictor set, of baselines, of the mean.

    Every held-out network's interval is made without its family, too: its coverage is measured on
    families that neither fit nor interval have seen. A baseline that some of the networks lack
    is left out, and said so.
    """
    table, notes = networks.table, list(networks.notes)
    sets = [networks.predictors]
    for baseline in baselines:
        lacking = [
            feature.name
            for feature in baseline.features
            if not np.isfinite(feature_column(table, feature, networks.half_image)).all()
        ]
        if lacking:
            notes.append(f"no baseline {baseline.name}: not every network has {lacking[0]}")
        else:
            sets.append(baseline)
    sets.append(PredictorSet(MEAN))
    rows = [_held_out(networks, predictors) for predictors in sets]
    share = networks.sample(sets[-1]).share
    mean = _family_errors(rows[-1], share, networks.families)[0]
    return Comparison(
        scores=tuple(
            _score(predictors, found, share, networks.families, mean)
            for predictors, found in zip(sets, rows, strict=True)
        ),
        families=tuple(networks.families),
        num_networks=len(table),
        num_configurations=int(table["configuration"].nunique()),
        level=LEVEL,
        group=networks.group,
        notes=tuple(notes),
    )


def predict_new(networks: Networks, name: str, values: Mapping[str, float]) -> NewNetwork:
    """The accuracy of a network from its features, with an interval and warnings.

    values: the networks' features, measured by the same convention. Raises UserError if
        one is missing or has no logarithm where one is asked for.
    """
    predictors = networks.predictors
    row = pd.DataFrame([{f.name: values.get(f.name, math.nan) for f in predictors.features}])
    features = feature_matrix(row, predictors, networks.half_image)
    for feature, value in zip(predictors.features, features[0], strict=True):
        if not math.isfinite(value):
            raise UserError(
                f"{name} has no {feature.name} that could be used (measured: "
                f"{values.get(feature.name)}): choose others with --feature"
            )
    fits = GroupFits(networks.sample(predictors))
    low, high = fits.interval(features, LEVEL)
    return NewNetwork(
        name=name,
        predicted=float(fits.whole.predict(features)[0]),
        low=float(low[0]),
        high=float(high[0]),
        level=LEVEL,
        features={f.name: float(row[f.name][0]) for f in predictors.features},
        ranges={
            f.name: (float(networks.table[f.name].min()), float(networks.table[f.name].max()))
            for f in predictors.features
        },
        warnings=_outside(fits.whole, predictors, networks.table, row, features)[0],
        fitted=len(networks.table),
    )


def _held_out(networks: Networks, predictors: PredictorSet) -> list[HeldOut]:
    """Every network predicted without its family, in the order of the table."""
    table, sample = networks.table, networks.sample(predictors)
    found: dict[int, HeldOut] = {}
    for group in np.unique(sample.group):
        members = np.flatnonzero(sample.group == group)
        fits = GroupFits(without_group(sample, int(group)))
        features = sample.features[members]
        predicted = fits.whole.predict(features)
        low, high = fits.interval(features, LEVEL)
        rest, own = table[sample.group != group], table.iloc[members]
        outside = _outside(fits.whole, predictors, rest, own, features)
        for place, index in enumerate(members):
            found[int(index)] = HeldOut(
                trial=str(table["trial"][index]),
                name=str(table["name"][index]),
                family=str(table["family"][index]),
                accuracy=float(table["accuracy"][index]),
                predicted=float(predicted[place]),
                low=float(low[place]),
                high=float(high[place]),
                covered=bool(low[place] <= sample.fraction[index] <= high[place]),
                outside=outside[place],
            )
    return [found[index] for index in range(len(table))]


def _score(
    predictors: PredictorSet,
    rows: Sequence[HeldOut],
    share: Floats,
    families: Sequence[str],
    mean: Floats,
) -> Score:
    absolute, squared = _family_errors(rows, share, families)
    count = len(families)
    gains = mean - absolute
    reach = float(student.ppf(0.975, count - 1)) * float(gains.std(ddof=1)) / math.sqrt(count)
    # The root of a mean is no mean: its standard error by leaving families out, one by one.
    roots = np.sqrt((squared.sum() - squared) / (count - 1))
    spread = (count - 1) / count * float(((roots - roots.mean()) ** 2).sum())
    return Score(
        predictors=predictors,
        mae=float(absolute.mean()),
        mae_error=float(absolute.std(ddof=1)) / math.sqrt(count),
        rmse=math.sqrt(squared.mean()),
        rmse_error=math.sqrt(spread),
        gain=float(gains.mean()),
        gain_low=float(gains.mean()) - reach,
        gain_high=float(gains.mean()) + reach,
        coverage=float(share @ [row.covered for row in rows]),
        width=float(share @ [row.high - row.low for row in rows]),
        outside=float(share @ [bool(row.outside) for row in rows]),
        networks=tuple(rows),
    )


def _family_errors(
    rows: Sequence[HeldOut], share: Floats, families: Sequence[str]
) -> tuple[Floats, Floats]:
    """Mean absolute and mean squared error of each family, (G,) and (G,)."""
    errors = np.array([row.predicted - row.accuracy for row in rows])
    member = np.array([[row.family == family for row in rows] for family in families])
    weights = member * share
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ np.abs(errors), weights @ errors**2


def _outside(
    fitted: Fit,
    predictors: PredictorSet,
    table: pd.DataFrame,
    asked: pd.DataFrame,
    features: Floats,
) -> list[tuple[str, ...]]:
    """For each network asked about, in which way it lies outside the fitted range.

    table: what was fitted, in the features' own units. asked: the networks, likewise.
    """
    beyond = (features < fitted.lowest - 1e-12) | (features > fitted.highest + 1e-12)
    leverage = fitted.leverage(features)
    found = []
    for place in range(len(features)):
        lines = [
            f"{feature.name} {asked[feature.name].iloc[place]:.3g} is outside "
            f"{table[feature.name].min():.3g} to {table[feature.name].max():.3g}"
            for feature, is_beyond in zip(predictors.features, beyond[place], strict=True)
            if is_beyond
        ]
        if not lines and leverage[place] > fitted.reach * (1 + 1e-9):
            lines = [
                "its features go together as nowhere in the fit (leverage "
                f"{leverage[place] / fitted.reach:.2f} times the largest there)"
            ]
        found.append(tuple(lines))
    return found
