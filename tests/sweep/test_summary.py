"""A few lines that say what came out, and take no side."""

import dataclasses

import pytest

from sweep.mean import mean_interval
from sweep.regression import Correlation
from sweep.scalars import scalars
from sweep.summary import (
    headline,
    interval_text,
    main_quantity,
    read_correlation,
    summarize_families,
)


def correlation(value, low, high, p_value=0.01):
    return Correlation(
        "id", "accuracy", "all trials", "pearson", value, low, high, p_value, 1.0, 9, 9, 1
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (correlation(0.8, 0.5, 0.9), "higher id goes with higher accuracy"),
        (correlation(-0.8, -0.9, -0.5), "higher id goes with lower accuracy"),
        (correlation(-0.8, -0.9, 0.1), "no clear relation"),
        (correlation(0.1, float("nan"), float("nan"), 0.4), "no clear relation"),
        (correlation(1.0, float("nan"), float("nan")), "higher id goes with higher accuracy"),
    ],
)
def test_reads_the_sign_only_where_the_interval_has_one_or_without_one_where_p_is_small(row, said):
    assert said in read_correlation(row)


def test_families_are_summed_by_variant(finished):
    results = finished.results.results
    lines = summarize_families(results)
    assert [(line.family, line.variant) for line in lines] == [
        (family, variant)
        for family in ("cnn", "mlp")
        for variant in ("true labels", "label noise 1", "untrained")
    ]
    assert main_quantity(results) == "id/twonn"
    clean = [
        r
        for r in results
        if r.trial.config.model.name == "cnn"
        and r.trial.role == "trained"
        and r.trial.config.training.label_noise == 0
    ]
    line = lines[0]
    assert line.num_trials == len(clean) == 4
    values = [scalars(r.rows)["id_last_hidden/twonn"].value for r in clean]
    assert line.last_hidden.value == pytest.approx(sum(values) / 4)
    assert line.last_hidden.low is None  # of two configurations, however many seeds
    apart = [with_width(result, width) for width, result in enumerate(clean, start=1)]
    (line,) = summarize_families(apart)
    assert dataclasses.astuple(line.last_hidden) == pytest.approx(mean_interval(values))


def with_width(result, width):
    """The same network under another configuration."""
    config = result.trial.config
    model = config.model.model_copy(update={"width": width})
    trial = dataclasses.replace(result.trial, config=config.model_copy(update={"model": model}))
    return dataclasses.replace(result, trial=trial)


def test_headline_is_the_first_predictor_overall_and_along_axes(finished):
    sentences = headline(finished.regression)
    assert sentences[0].startswith("all trials: ")
    assert [s.partition(":")[0] for s in sentences[1:]] == [
        "along model.name",
        "along model.width",
        "along training.label_noise",
    ]


def test_an_interval_that_is_not_there_is_no_number():
    row = correlation(0.5, float("nan"), float("nan"))
    assert interval_text(row) == "unknown"
    assert "nan" not in read_correlation(row)


def test_nothing_measured_gives_no_lines():
    assert summarize_families([]) == []
    assert main_quantity([]) is None
