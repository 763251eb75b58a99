"""The networks that a prediction is fitted on, and the features that it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from sweep.errors import UserError
from sweep.fractional import Sample

MIN_FAMILIES = 3  # one held out, one more for the errors its intervals are made of, one to fit
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Feature:
    """A scalar of a network, and the scale on which it enters.

    log: for counts and dimensions, whose ratios matter. logit: for fractions.
    """

    name: str
    scale: Literal["linear", "log", "logit"] = "linear"


@dataclass(frozen=True)
class PredictorSet:
    """Features that predict together. needs_labels: whether measuring a network's reads labels."""

    name: str
    features: tuple[Feature, ...] = ()
    needs_labels: bool = False


class Networks:
    """The networks to fit, with all that the first predictor set asks for.

    table: a line a network, with trial, name, family, configuration (equal for seeds of
        one), accuracy, and scalars in their own units. half_image: half of one image's
        share of the accuracy, nearer than which to 0 or 1 none is told apart.

    Raises UserError if what is left is too little to hold families out.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        predictors: PredictorSet,
        half_image: float,
        group: str = "family",
    ) -> None:
        self.notes: list[str] = []
        self.predictors = predictors
        self.half_image = half_image
        self.group = group
        known = table.dropna(subset=["accuracy"])
        if len(known) < len(table):
            self.notes.append(f"left out: {len(table) - len(known)} without accuracy")
        for feature in predictors.features:
            there = np.isfinite(feature_column(known, feature, half_image))
            if not there.all():
                self.notes.append(
                    f"left out: {int((~there).sum())} whose {feature.name} is missing, or has no "
                    f"{feature.scale}"
                )
            known = known[there]
        self.table = known.sort_values("trial", ignore_index=True)
        self._check()

    @property
    def families(self) -> list[str]:
        return sorted(self.table["family"].unique())

    def _check(self) -> None:
        table = self.table
        if len(self.families) < MIN_FAMILIES:
            found = ", ".join(self.families) or "none"
            raise UserError(
                f"predicting holds out one {self.group} after the other and needs "
                f"{MIN_FAMILIES}, but got {len(self.families)} ({found}): sweep more, or hold "
                "out by another key with --group-by"
            )
        if table["accuracy"].max() - table["accuracy"].min() < self.half_image:
            raise UserError(
                f"all {len(table)} networks have the same accuracy, {table['accuracy'][0]:.3f}: "
                "there is nothing to predict"
            )
        num_features = len(self.predictors.features)
        counts = table.groupby("family")["configuration"].nunique().sort_values()
        rest, needed = int(counts.iloc[:-2].sum()), num_features + 2
        if rest < needed:
            raise UserError(
                f"{num_features} features need {needed} configurations besides any two "
                f"of {self.group}, but there are {rest}: sweep more, or name fewer with --feature"
            )

    def sample(self, predictors: PredictorSet) -> Sample:
        """What one predictor set is fitted on."""
        table = self.table
        seeds = table.groupby("configuration")["trial"].transform("count")
        configurations = table.groupby("family")["configuration"].transform("nunique")
        # A configuration may lie in several groups where these are made of a seed or the like.
        within = table.groupby(["family", "configuration"])["trial"].transform("count")
        return Sample(
            features=feature_matrix(table, predictors, self.half_image),
            fraction=self.clipped(table["accuracy"]),
            weight=(1 / seeds).to_numpy(np.float64),
            share=(1 / (len(self.families) * configurations * within)).to_numpy(np.float64),
            group=np.asarray(table.groupby("family", sort=True).ngroup(), np.int64),
            num_units=int(table["configuration"].nunique()),
        )

    def clipped(self, accuracy: pd.Series[float]) -> Floats:
        return np.clip(accuracy.to_numpy(np.float64), self.half_image, 1 - self.half_image)

    def without_configuration(self, configuration: str) -> Networks:
        """The same without all seeds of one configuration."""
        kept = self.table[self.table["configuration"] != configuration]
        return Networks(kept, self.predictors, self.half_image, self.group)


def feature_matrix(table: pd.DataFrame, predictors: PredictorSet, half_image: float) -> Floats:
    """(T, F) on the scales on which they enter."""
    columns = [feature_column(table, feature, half_image) for feature in predictors.features]
    return np.stack(columns, axis=1) if columns else np.empty((len(table), 0))


def feature_column(table: pd.DataFrame, feature: Feature, half_image: float) -> Floats:
    """(T,) a feature on its scale; NaN where it is missing or has no such scale."""
    if feature.name not in table:
        return np.full(len(table), np.nan)
    values = table[feature.name].to_numpy(np.float64, na_value=np.nan)
    if feature.scale == "logit":
        return np.asarray(logit(np.clip(values, half_image, 1 - half_image)), np.float64)
    if feature.scale == "log":
        return np.log(np.where(values > 0, values, np.nan))
    return np.asarray(np.where(np.isfinite(values), values, np.nan), np.float64)
