"""What still pictures are drawn from: a sweep's results, and what follows from them, when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from sweep.claims import SweepClaims
from sweep.published.compare import Comparison, compare_published
from sweep.regression import Regression
from sweep.report.profiles import MeanProfile, mean_profile
from sweep.results import SweepResults, TrialResult, settle_regression, trials_table
from sweep.space import varied_keys
from sweep.summary import main_quantity, variant


@dataclass(frozen=True)
class Material:
    """A sweep's results; what takes time is found once, by the first picture that wants it."""

    results: SweepResults
    find_regression: Callable[[], Regression | None]
    find_claims: Callable[[], SweepClaims]

    @cached_property
    def regression(self) -> Regression | None:
        return self.find_regression()

    @cached_property
    def claims(self) -> SweepClaims:
        return self.find_claims()

    @cached_property
    def comparison(self) -> Comparison | None:
        """With published numbers, where the sweep names some and they have pairs."""
        found = compare_published(self.results)
        return found if found is not None and found.pairs else None

    @cached_property
    def quantity(self) -> str | None:
        """The main one of those measured per layer."""
        return main_quantity(self.results.results)

    @cached_property
    def predictor(self) -> str | None:
        """The scalar that accuracy is regressed on first."""
        return next(iter(settle_regression(self.results.work.config).predictors or []), None)

    @property
    def response(self) -> str:
        return self.results.work.config.regression.response

    @cached_property
    def table(self) -> pd.DataFrame:
        """One line a trial."""
        return trials_table(self.results.results)

    @cached_property
    def axes(self) -> list[str]:
        """The keys that the sweep varies."""
        return varied_keys(self.results.trials)

    @cached_property
    def groups(self) -> dict[tuple[str, str], list[TrialResult]]:
        """Trials by family and variant, families in the order of their names."""
        found: dict[tuple[str, str], list[TrialResult]] = {}
        for result in self.results.results:
            found.setdefault((result.trial.config.model.name, variant(result.trial)), []).append(
                result
            )
        return dict(sorted(found.items()))

    @cached_property
    def families(self) -> list[str]:
        return sorted({family for family, _ in self.groups})

    @cached_property
    def _labels(self) -> dict[str, str]:
        last = {family: family.rpartition("/")[2] for family in self.families}
        counts = Counter(last.values())
        return {family: name if counts[name] == 1 else family for family, name in last.items()}

    def label(self, family: str) -> str:
        """A family's name without its library, where that leaves no doubt."""
        return self._labels[family]

    def profile(self, family: str, name: str, quantity: str) -> MeanProfile | None:
        """The mean profile of a family's variant; None where there is none."""
        return mean_profile(self.groups.get((family, name), []), quantity)
