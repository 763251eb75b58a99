"""A regression in words, made from its numbers: they take no side, and say what is not clear."""

from __future__ import annotations

import math

from sweep.regression.influence import Influence
from sweep.regression.result import WITHIN, Corrected, Correlation, Line, Regression
from sweep.regression.scopes import ALL

CLEAR_P = 0.05


def headline(regression: Regression) -> list[str]:
    """The first predictor's Pearson correlations over all trials and along each axis.

    And over those that came to their end, where others were stopped early.
    """
    first = regression.correlations[0].predictor if regression.correlations else ""
    rows = [*regression.correlations, *(regression.stopped.without if regression.stopped else ())]
    return [
        read_correlation(row)
        for row in rows
        if row.method == "pearson" and row.predictor == first and not row.scope.startswith("family")
    ]


def read_regression(regression: Regression) -> list[str]:
    """All that the first predictor comes to, then the predictors beside each other."""
    if not regression.correlations:
        return []
    first = regression.correlations[0].predictor
    found = headline(regression)
    found += _stopped(regression, first)
    found += _turns(regression, first)
    carriers = [c.found for c in regression.influences if c.predictor == first]
    found += read_influence(carriers, regression.num_configurations)
    for granulated in regression.granulated:
        if granulated.predictor == first and len(granulated.axes) > 1:
            found.append(
                f"Kendall's tau averaged over {len(granulated.axes)} axes (granulated): "
                f"{granulated.mean:+.2f}"
            )
    found += [read_line(line, regression) for line in regression.lines if line.predictor == first]
    found += _partials(regression, first)
    found += _held_out(regression, first)
    found += [read_corrected(row) for row in regression.corrected if row.predictor == first]
    return found + _footing(regression) + [f"note: {note}" for note in regression.notes]


def read_correlation(row: Correlation) -> str:
    """One correlation as a sentence that takes no side."""
    direction = "higher" if row.value > 0 else "lower"
    clear = row.p_value < CLEAR_P if math.isnan(row.low) else row.low * row.high > 0
    if not clear:
        said = f"no clear relation of {row.predictor} to {row.response}"
    else:
        said = f"higher {row.predictor} goes with {direction} {row.response}"
    return (
        f"{row.scope}: {said} (r = {in_digits(row.value)}, interval {interval_text(row)}, "
        f"p = {row.p_value:.2g}, {row.num_trials} trials)"
    )


def _stopped(regression: Regression, predictor: str) -> list[str]:
    """How many trials were stopped early and by whom."""
    stopped = regression.stopped
    if stopped is None:
        return []
    who = ", ".join(f"{count} by {name}" for name, count in stopped.by.items())
    said = (
        f"{sum(stopped.by.values())} of {stopped.num_trials} trials were stopped early ({who}): "
        "they count as they were then; epochs_trained can be held fixed"
    )
    return [said, *(line for line in stopped.skipped if line.startswith(f"{predictor} "))]


def in_digits(value: float) -> str:
    """A coefficient with its sign; a third digit where two are nearly one."""
    return f"{value:+.3f}" if abs(value) >= 0.9 else f"{value:+.2f}"


def interval_text(row: Correlation) -> str:
    """The interval for people; with too few configurations there is none."""
    if math.isnan(row.low):
        return "unknown"
    return f"{row.low:+.2f} to {row.high:+.2f}"


def read_influence(found: list[Influence], num_networks: int) -> list[str]:
    """Who carries the correlation, if anyone does; and what a whole family does to it.

    num_networks: of how many configurations, whose seeds are averaged here.
    """
    networks = [one for one in found if one.kind == "network"]
    families = [one for one in found if one.kind == "family"]
    if not networks:
        return []
    said = []
    for one in networks:
        turned = one.value * one.without < 0
        if one.is_large and f"{one.without:+.3f}" != f"{one.value:+.3f}":
            distance = f", Cook's distance {one.cooks_distance:.1f}" if one.cooks_distance else ""
            much = "carries much of it" if abs(one.without) < abs(one.value) else "weakens it"
            much = "decides the sign" if turned else much
            said.append(
                f"{one.name} {much}: leverage {one.leverage:.2f} (mean {2 / num_networks:.2g})"
                f"{distance}; "
                f"without it r = {one.without:+.3f} instead of {one.value:+.3f}"
            )
    if not said:
        most = networks[0]
        said.append(
            f"no single network carries it: leaving one out changes r = {most.value:+.3f} most "
            f"without {most.name}, to {most.without:+.3f}"
            + (", the other sign" if most.value * most.without < 0 else "")
        )
    if families:
        most = families[0]
        said.append(
            f"leaving a family out changes r most without {most.name}: {most.without:+.3f}"
            + (", the other sign" if most.value * most.without < 0 else "")
        )
    return said


def read_line(line: Line, regression: Regression) -> str:
    """The linear model: what it is and why, and its slope in standard deviations."""
    model = line.model
    if model.kind == "mixed":
        # Of several experiments a family has an intercept in each.
        what = "families"
        if model.num_families > len(regression.families):
            what = "families (each experiment's apart)"
        kind = f"mixed model with a random intercept for each of {model.num_families} {what}"
    elif model.num_families > 1:
        kind = f"linear model with an intercept for each family ({model.why}), clustered errors"
    else:
        kind = f"linear model ({model.why}), clustered errors"
    scale = model.standardized / model.slope if model.slope else 0.0
    interval = f"{model.low * scale:+.2g} to {model.high * scale:+.2g}"
    clear = model.low * model.high > 0
    warned = "".join(f"; {note}" for note in model.notes)
    return (
        f"{kind}{_given(line.covariates)}: "
        f"{'' if clear else 'not clear, '}one standard deviation more {line.predictor} goes with "
        f"{model.standardized:+.2g} [{interval}] of {regression.response} "
        f"(p = {model.p_value:.2g}){warned}"
    )


def read_corrected(row: Corrected) -> str:
    """What errors of the predictor take off, if they can be corrected for."""
    found = row.found
    where = "" if row.scope == ALL else f", {row.scope}"
    if found.corrected is None:
        share = "" if found.reliability is None else f" (reliability {found.reliability:.2f})"
        return f"errors in {row.predictor}{where}: {found.note}{share}"
    note = f"; {found.note}" if found.note else ""
    return (
        f"errors in {row.predictor}{where}: reliability {found.reliability:.3f}, so freed of them "
        f"r = {found.corrected:+.2f} [{found.low:+.2f} to {found.high:+.2f}] "
        f"instead of {found.value:+.2f}{note}"
    )


def _turns(regression: Regression, predictor: str) -> list[str]:
    """Whether scopes disagree clearly: then one number for all says little."""
    rows = [r for r in regression.correlations if (r.predictor, r.method) == (predictor, "pearson")]
    up = [row.scope for row in rows if row.low > 0]
    down = [row.scope for row in rows if row.high < 0]
    if not up or not down:
        return []
    return [f"both signs are there: + in {', '.join(up)}; - in {', '.join(down)}"]


def _partials(regression: Regression, predictor: str) -> list[str]:
    said = []
    for row in regression.partials:
        if row.predictor != predictor or row.method != "pearson":
            continue
        where = f" with {WITHIN}" if row.scope == WITHIN else ""
        if math.isnan(row.value):
            said.append(f"{predictor}{where}{_given(row.covariates)}: these tell it entirely")
            continue
        clear = row.low * row.high > 0
        interval = "unknown" if math.isnan(row.low) else f"{row.low:+.2f} to {row.high:+.2f}"
        said.append(
            f"{predictor}{where}{_given(row.covariates)}: {'' if clear else 'not clear, '}"
            f"r = {row.value:+.2f} (interval {interval}, p = {row.p_value:.2g})"
        )
    return said


def _held_out(regression: Regression, predictor: str) -> list[str]:
    said = []
    for row in regression.predicted:
        if row.predictor != predictor:
            continue
        found = row.found
        text = (
            f"{regression.response} of a {found.held_out} left out: off by {found.error:.3g} "
            f"(root mean square) from {predictor} alone, {found.mean:.3g} from the others' mean"
        )
        if found.covariates is not None:
            text += (
                f"; {found.covariates:.3g} from {', '.join(row.covariates)} alone, "
                f"{found.both:.3g} with it"
            )
        said.append(text)
    return said


def _footing(regression: Regression) -> list[str]:
    footing = regression.footing
    if footing is None:
        return []
    best, others = footing.rows[0], footing.rows[1:]
    equal = [row for row in others if row.behind_low <= 0 or (row.behind_p_holm or 0) > CLEAR_P]
    said = f"of {len(footing.rows)} predictors {best.predictor} has the largest |rho|"
    said += f" ({abs(best.rho):.2f})"
    if equal:
        said += f", not clearly above {_some([row.predictor for row in equal])}"
    else:
        said += ", clearly above all others"
    least = min(footing.rows, key=lambda row: row.error)
    near = [r for r in footing.rows if r is not least and (r.excess_p_holm or 0) > CLEAR_P]
    text = (
        f"about a {footing.held_out} left out {least.predictor} is least wrong ({least.error:.3g}; "
        f"the mean: {footing.mean_error:.3g})"
    )
    text += f", not clearly less than {_some([r.predictor for r in near])}" if near else ""
    below = [row.predictor for row in footing.rows if row.error < footing.mean_error]
    if not below:
        text += "; none does better than the mean"
    return [said, text]


def _given(covariates: tuple[str, ...]) -> str:
    return f", given {' and '.join(covariates)}" if covariates else ""


def _some(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
