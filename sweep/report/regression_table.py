"""A regression as tables of text: for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from sweep.regression import Correlation, Regression, headline, in_digits, read_regression
from sweep.report.console import plain_table, say

CLEAR_P = 0.05
ROWS_SHOWN = 12  # of a table that is not asked for in full


@dataclass(frozen=True)
class TextTable:
    """title, header and cells, the first column a name. note: below. folded: not at first sight."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    folded: bool = True


def print_headline(regression: Regression, console: Console) -> None:
    """The first predictor's correlations as a table, and its sentences: the end of a run."""
    if not regression.correlations:
        say(console, f"no regression: {'; '.join(regression.skipped) or 'no predictor'}")
        return
    _print(correlation_table(regression, regression.correlations[0].predictor), console)
    for sentence in headline(regression):
        say(console, sentence)


def print_regression(regression: Regression, console: Console, full: bool = False) -> None:
    """Sentences, then tables: the first predictor's and the comparison, or with `full` all."""
    if not regression.correlations:
        say(console, f"no regression: {'; '.join(regression.skipped) or 'no predictor'}")
        return
    for sentence in read_regression(regression):
        say(console, sentence)
    tables = text_tables(regression)
    for table in tables:
        if full or not table.folded:
            _print(table, console, None if full else ROWS_SHOWN)
    folded = [table.title for table in tables if table.folded]
    if full and regression.skipped:
        say(console, f"\nleft out: {'; '.join(regression.skipped)}")
    elif not full:
        left = (
            f", and {len(regression.skipped)} left out with reasons" if regression.skipped else ""
        )
        say(console, f"\n--full prints {len(folded)} more tables{left}")


def regression_context(regression: Regression, said: Sequence[str] = ()) -> dict[str, Any]:
    """What `regression.html.j2` shows: sentences, tables, and what is to be known of both.

    said: sentences that stand elsewhere on the page.
    """
    return {
        "sentences": [one for one in read_regression(regression) if one not in said],
        "tables": text_tables(regression),
        "skipped": regression.skipped,
        "resamples": regression.resamples,
        "seed": regression.seed,
        "covariates": regression.covariates,
        "chosen": regression.chosen,
    }


def text_tables(regression: Regression) -> list[TextTable]:
    """All tables, those of the first predictor and the comparison first."""
    predictors = list(dict.fromkeys(row.predictor for row in regression.correlations))
    tables = [correlation_table(regression, name, name != predictors[0]) for name in predictors]
    found = [
        *tables[:1],
        _footing(regression),
        _influence(regression),
        _partial(regression),
        _models(regression),
        _held_out(regression),
        _granulated(regression),
        _kendall(regression),
        _attenuation(regression),
        *tables[1:],
    ]
    return [table for table in found if table is not None and table.rows]


def correlation_table(regression: Regression, predictor: str, folded: bool = False) -> TextTable:
    """One predictor in every scope: three coefficients with interval and p."""
    scopes: dict[str, dict[str, Correlation]] = {}
    for row in regression.correlations:
        if row.predictor == predictor:
            scopes.setdefault(row.scope, {})[row.method] = row
    rows = []
    for scope, found in scopes.items():
        one = found["pearson"]
        cells = [scope]
        for method in ("pearson", "spearman"):
            cells += [_value(found[method]), f"{found[method].p_value:.2g}"]
        tau = in_digits(found["kendall"].value)
        rows.append((*cells, tau, str(one.num_trials), str(one.num_configurations)))
    return TextTable(
        f"{predictor} against {regression.response}",
        ("scope", "Pearson r", "p", "Spearman rho", "p", "tau", "trials", "configs"),
        tuple(rows),
        "tau: Kendall's, along an axis the mean over groups that agree in all else (granulated)",
        folded,
    )


def _kendall(regression: Regression) -> TextTable:
    rows = [
        (row.predictor, row.scope, _value(row), f"{row.p_value:.2g}", str(row.num_groups))
        for row in regression.correlations
        if row.method == "kendall"
    ]
    note = "mean over the groups of networks that are compared"
    return TextTable("Kendall's tau", ("Kendall", "scope", "tau", "p", "groups"), tuple(rows), note)


def _footing(regression: Regression) -> TextTable | None:
    footing = regression.footing
    if footing is None:
        return None
    rows = [
        (
            row.predictor,
            _with_interval(row.rho, row.low, row.high) + _star(row.p_holm),
            _apart(row.behind, row.behind_low, row.behind_high, row.behind_p_holm, ".2f"),
            f"{row.error:.3g}",
            _apart(row.excess, row.excess_low, row.excess_high, row.excess_p_holm, ".2g"),
        )
        for row in footing.rows
    ]
    note = (
        f"the same {footing.num_networks} networks (seeds averaged) and {footing.num_folds} folds; "
        f"*: p < {CLEAR_P}, by Holm over {len(rows)} predictors, and of differences over "
        f"{len(rows) - 1}; error: root mean square about a {footing.held_out} left out, "
        f"{footing.mean_error:.3g} from the others' mean"
    )
    note += "".join(f"; left out: {text}" for text in footing.left_out)
    header = ("predictor", "Spearman rho", "|rho| behind best", "error", "above least")
    return TextTable("predictors compared", header, tuple(rows), note, folded=False)


def _influence(regression: Regression) -> TextTable:
    rows = [
        (
            f"{'family ' if row.found.kind == 'family' else ''}{row.found.name}",
            row.predictor,
            f"{row.found.leverage:.3f}",
            "" if row.found.cooks_distance is None else f"{row.found.cooks_distance:.2g}",
            f"{row.found.without:+.3f}",
            f"{row.found.without - row.found.value:+.3f}",
        )
        for row in regression.influences
    ]
    header = ("without", "predictor", "leverage", "Cook's distance", "Pearson r", "change")
    note = "networks that change r most, seeds averaged; then families"
    return TextTable("influence", header, tuple(rows), note)


def _partial(regression: Regression) -> TextTable:
    rows = [
        (
            row.predictor,
            row.scope,
            row.method,
            _with_interval(row.value, row.low, row.high),
            "" if math.isnan(row.p_value) else f"{row.p_value:.2g}",
            ", ".join(row.covariates),
        )
        for row in regression.partials
    ]
    header = ("partial", "scope", "method", "value", "p", "given")
    return TextTable("partial correlations", header, tuple(rows))


def _models(regression: Regression) -> TextTable:
    rows = [
        (
            line.predictor,
            "mixed" if line.model.kind == "mixed" else "OLS, clustered",
            f"{line.model.slope:.3g} [{line.model.low:.3g}, {line.model.high:.3g}]",
            f"{line.model.standardized:+.2f}",
            f"{line.model.p_value:.2g}",
            "" if line.model.family_share is None else f"{line.model.family_share:.2f}",
            "; ".join([line.model.why, *line.model.notes]),
        )
        for line in regression.lines
    ]
    header = ("linear model", "kind", "slope", "standardized", "p", "family share", "why")
    note = "family share: of what predictor and covariates leave, the variance between families"
    return TextTable("linear models", header, tuple(rows), note)


def _held_out(regression: Regression) -> TextTable:
    rows = [
        (
            row.predictor,
            f"{row.found.held_out} ({row.found.num_folds})",
            f"{row.found.error:.3g}",
            f"{row.found.mean:.3g}",
            "" if row.found.covariates is None else f"{row.found.covariates:.3g}",
            "" if row.found.both is None else f"{row.found.both:.3g}",
        )
        for row in regression.predicted
    ]
    header = ("held out", "what", "predictor", "mean", "covariates", "both")
    note = f"root mean squared error of {regression.response}"
    return TextTable("errors about networks left out", header, tuple(rows), note)


def _granulated(regression: Regression) -> TextTable | None:
    axes = list(dict.fromkeys(axis for row in regression.granulated for axis in row.axes))
    if not axes:
        return None
    rows = [
        (
            row.predictor,
            *(f"{row.axes[axis]:+.2f}" if axis in row.axes else "" for axis in axes),
            f"{row.mean:+.2f}",
        )
        for row in regression.granulated
    ]
    note = "Kendall's tau along each axis, all else held fixed, and the mean (arXiv:1912.02178)"
    return TextTable("granulated Kendall", ("granulated", *axes, "mean"), tuple(rows), note)


def _attenuation(regression: Regression) -> TextTable:
    rows = []
    for row in regression.corrected:
        one = row.found
        reliability = "" if one.reliability is None else f"{one.reliability:.3f}"
        r = "" if one.corrected is None else _with_interval(one.corrected, one.low, one.high)
        slope = "" if one.corrected_slope is None else f"{one.corrected_slope:.3g}"
        cells = row.predictor, row.scope, reliability, f"{one.value:+.2f}", r, slope, one.note
        rows.append(cells)
    header = ("errors in", "scope", "reliability", "r", "freed of them", "slope", "note")
    note = "method of moments (Fuller 1987) with error variances from each value's interval"
    return TextTable("errors in the predictor", header, tuple(rows), note)


def _print(table: TextTable, console: Console, most: int | None = None) -> None:
    say(console, f"\n{table.title}:")
    numeric = {name for name in table.header[1:] if _is_numeric(table, name)}
    grid = plain_table(*table.header, numeric=numeric)
    rows = table.rows if most is None else table.rows[:most]
    for cells in rows:
        grid.add_row(*cells)
    console.print(grid)
    if len(rows) < len(table.rows):
        say(console, f"({len(table.rows) - len(rows)} more with --full)")
    if table.note:
        say(console, table.note)


def _is_numeric(table: TextTable, name: str) -> bool:
    column = [row[table.header.index(name)] for row in table.rows]
    return all(not text or (text.lstrip("+-")[:1].isdigit() and " " not in text) for text in column)


def _value(row: Correlation) -> str:
    return _with_interval(row.value, row.low, row.high)


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    return "none" if math.isnan(value) else f"{in_digits(value)}{_ends(low, high)}"


def _ends(low: float | None, high: float | None) -> str:
    if low is None or high is None or math.isnan(low):
        return " [unknown]"
    return f" [{low:+.2f}, {high:+.2f}]"


def _apart(value: float, low: float, high: float, p: float | None, form: str) -> str:
    if p is None:
        return "best"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]{_star(p)}"


def _star(p: float) -> str:
    return "*" if p < CLEAR_P else ""
