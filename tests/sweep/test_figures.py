"""Figures for a paper: each says what it shows, repeats to the byte, and fits its column."""

import re
import struct
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from sweep.claims import judge_claims
from sweep.drawing import draw_figures
from sweep.errors import UserError
from sweep.measuring.scales import scale_quantity
from sweep.outcome import regress_results
from sweep.report.picture import paper_style
from sweep.report.profiles import GRID, mean_profile
from sweep.report.stills import STILLS, Material, render_still
from sweep.report.stills.labels import label_points
from sweep.report.stills.line_fit import fit_line

DRAWN = {"overview", "families", "profiles", "accuracy", "axes", "linear", "regression"}


def material_of(finished, results):
    found = replace(finished.results, results=results)
    return Material(found, lambda: regress_results(found, None)[0], lambda: judge_claims(found))


def with_scales(result, values):
    """The network with a scale curve in every layer: {rank: dimension}."""
    layered = [row for row in result.rows if row.quantity == "id/twonn"]
    more = [
        replace(row, analysis="scales", quantity=scale_quantity(rank), value=value)
        for row in layered
        for rank, value in values.items()
    ]
    return replace(result, rows=[*result.rows, *more])


def by_epochs(result):
    return replace(result, earlier={0.5: result.rows, 0.0: result.rows})


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """The figures of the tiny sweep."""
    folder = tmp_path_factory.mktemp("figures") / "made" / "here"
    found = draw_figures(finished.results.work.storage, "tiny", folder=folder)
    assert {path.stem for path in found.written} == DRAWN
    assert set(found.left_out) == set(STILLS) - DRAWN
    assert "analyses: {scales: {}}" in found.left_out["scales"]
    return folder


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_every_figure_is_there_twice_and_states_n_networks_and_estimator(folder, name):
    png, svg = (folder / f"{name}.png").read_bytes(), (folder / f"{name}.svg").read_text()
    width, _ = struct.unpack(">II", png[16:24])
    assert 0 < width <= 7.2 * 300
    words = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)).replace("\u00a0", " ")
    assert "N = 100 images of digits (train)" in words
    assert re.search(r"\d+ networks trained in \d+ configurations", words)
    assert "id/twonn" in words
    assert len(svg) < 300_000
    assert not re.search(r"20\d\d-\d\d-\d\dT", svg)


def test_figures_repeat_to_the_byte_and_are_as_wide_as_asked(finished, folder, tmp_path):
    found = draw_figures(
        finished.results.work.storage, "tiny", folder=tmp_path, only=["profiles"], formats=["svg"]
    )
    assert [path.name for path in found.written] == ["profiles.svg"]
    assert found.written[0].read_bytes() == (folder / "profiles.svg").read_bytes()
    draw_figures(
        finished.results.work.storage, "tiny", folder=tmp_path, only=["profiles"], width=3.4
    )
    width, height = struct.unpack(">II", (tmp_path / "profiles.png").read_bytes()[16:24])
    assert width == round(3.4 * 300)
    assert height > 0.4 * width


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"only": ["profile"]}, "no figure 'profile'; did you mean 'profiles'"),
        ({"formats": ["pdf"]}, "no format 'pdf'; allowed: png, svg"),
        ({"width": 0.5}, "2 <= width <= 20.*got 0.5"),
    ],
)
def test_wrong_wishes_are_one_line(finished, wrong, message):
    with pytest.raises(UserError, match=message):
        draw_figures(finished.results.work.storage, "tiny", **wrong)


def test_a_folder_that_is_a_file_is_one_line(finished, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be made"):
        draw_figures(finished.results.work.storage, "tiny", folder=tmp_path / "file")


def test_one_network_is_enough_and_untrained_ones_have_their_profiles(finished):
    trained = [r for r in finished.results.results if r.trial.role == "trained"]
    untrained = [r for r in finished.results.results if r.trial.role == "untrained"]
    full = [by_epochs(with_scales(trained[0], {2: 5.0, 4: 4.0}))]
    drawn = {name: render_still(name, material_of(finished, full)) for name in STILLS}
    expected = DRAWN - {"axes", "regression"} | {"scales", "scale_profiles", "dynamics"}
    assert {name for name, files in drawn.items() if files} == expected
    drawn = {name: render_still(name, material_of(finished, untrained)) for name in STILLS}
    assert {name for name, files in drawn.items() if files} == {"overview", "profiles"}


@pytest.mark.parametrize("width", [3.4, 7.2])
@pytest.mark.parametrize("name", sorted(DRAWN | {"scales", "scale_profiles", "dynamics"}))
def test_no_word_is_cut_off(finished, name, width):
    results = [by_epochs(with_scales(one, {2: 5.0, 4: 4.0})) for one in finished.results.results]
    with paper_style():
        figure = STILLS[name].draw(material_of(finished, results), width)
        figure.draw_without_rendering()
        drawn = figure.get_tightbbox()  # inches of all that is seen
    assert figure.get_figwidth() == width
    assert min(drawn.x0, drawn.y0) > -0.02
    assert drawn.x1 < width + 0.02
    assert drawn.y1 < figure.get_figheight() + 0.02


def test_two_thousand_networks_stay_below_two_megabytes(finished):
    trained = [r for r in finished.results.results if r.trial.role == "trained"]
    many = [
        replace(result, trial=replace(result.trial, key=f"{number:04d}-{result.trial.key}"))
        for number in range(2000 // len(trained))
        for result in trained
    ]
    assert len(many) == 2000
    for name in ("accuracy", "overview"):
        files = render_still(name, material_of(finished, many), ["svg"])
        assert len(files["svg"]) < 2_000_000


def test_the_line_and_its_band_count_configurations_not_seeds():
    rng = np.random.default_rng(0)
    x = rng.uniform(2, 8, 40)
    y = 3 - 0.5 * x + rng.normal(0, 0.3, 40)
    units = [f"c{number}" for number in range(40)]
    fit = fit_line(x, y, units)
    slope, start = np.polyfit(x, y, 1)
    np.testing.assert_allclose(fit.y, start + slope * fit.x)
    assert ((fit.low < fit.y) & (fit.y < fit.high)).all()
    again = fit_line(np.repeat(x, 5), np.repeat(y, 5), np.repeat(units, 5))
    np.testing.assert_allclose(again.low, fit.low)
    assert np.mean((fit.low < 3 - 0.5 * fit.x) & (3 - 0.5 * fit.x < fit.high)) > 0.9
    assert fit_line(x[:3], y[:3], units[:3]).low is None
    assert fit_line([1, 1], [2, 3], ["a", "b"]) is None


def test_the_band_of_a_mean_counts_configurations_not_seeds(finished):
    """Four configurations, each with values of its own; seeds that repeat them add nothing."""
    (one, *_) = [r for r in finished.results.results if r.trial.role == "trained"]

    def network(width, seed, factor):
        config = one.trial.config
        config = config.model_copy(
            update={
                "model": config.model.model_copy(update={"width": width}),
                "training": config.training.model_copy(update={"seed": seed}),
            }
        )
        rows = [replace(row, value=row.value * factor) for row in one.rows]
        return replace(one, trial=replace(one.trial, config=config), rows=rows)

    factors = {4: 1.0, 8: 1.5, 16: 2.0, 32: 3.0}
    once = mean_profile([network(w, 0, f) for w, f in factors.items()], "id/twonn")
    thrice = mean_profile(
        [network(w, s, f) for w, f in factors.items() for s in range(3)], "id/twonn"
    )
    assert (once.num_configurations, thrice.num_configurations, thrice.num_trials) == (4, 4, 12)
    np.testing.assert_allclose(thrice.below, once.below)
    np.testing.assert_allclose(thrice.above, once.above)
    assert len(once.below) == len(GRID)
    assert (once.below < once.mean).all()
    few = mean_profile([network(w, 0, factors[w]) for w in (4, 8)], "id/twonn")
    assert few.below is None


def test_names_beside_points_cover_neither_points_nor_each_other():
    figure = Figure(figsize=(4.6, 2.9), layout="constrained")
    panel = figure.subplots()
    rng = np.random.default_rng(3)
    bars = [(x - 0.1, x + 0.1, y) for x, y in rng.uniform(0, 10, (14, 2))]
    panel.set(xlim=(-1, 11), ylim=(-1, 11))
    label_points(panel, [f"network{number}" for number in range(14)], bars)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent().padded(-1) for text in panel.texts]
    points = panel.transData.transform([((low + high) / 2, y) for low, high, y in bars])
    assert len(boxes) == 14
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert not any(box.contains(*point) for point in points)
