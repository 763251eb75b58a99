"""Depthwise kernels of networks: what is said of them is what their weights say, and is shown."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import sweep.measuring.plan
from estimators.kernel_fit import fit_families
from estimators.kernel_nulls import gaussian_kernels, null_threshold
from estimators.kernel_templates import FAMILIES, formula_of
from estimators.kernels import normalize_kernels
from estimators.planted_kernels import plant_kernels
from sweep import api
from sweep.config import ModelConfig, SweepConfig
from sweep.execution import LocalProcess
from sweep.measuring.measure import measure_trial
from sweep.models.catalog import build_network
from sweep.models.depthwise import depthwise_layers
from sweep.models.survey import stand_in
from sweep.outcome import report_sweep
from sweep.paths import claim_storage, open_storage
from sweep.pipeline import run_sweep
from sweep.progress import SilentProgress
from sweep.report import kernel_clusters
from sweep.report.depthwise_table import depthwise_context
from sweep.report.kernel_figures import bar_of, by_depth, by_epoch, by_size, dots_of, top_of
from sweep.report.kernel_pictures import COLORS, ORDER, draw_kernels
from sweep.report.kernel_sets import kernels_of_sweep, kernels_of_trial, pool
from sweep.report.kernels_page import render_kernels, write_kernels_page
from sweep.report.page import templates
from sweep.results import rows_digest
from sweep.sweepfile import parse_sweep
from sweep.training.checkpoints import begin_network
from sweep.training.trainer import train_trial
from tests.sweep.command_line import call
from tests.sweep.test_session import Case, run_all

CONVNEXT = {"name": "convnext", "width": 8, "depth": 1, "kernel_size": 5}
CONVMIXER = {"name": "convmixer", "width": 8, "depth": 2, "kernel_size": 3}
WITHOUT_CLUSTERS = ["--set", "analyses.depthwise.clusters=null"]


def make_config(model=None, depthwise=None, epochs=0, **measure):
    return SweepConfig.model_validate(
        {
            "name": "m",
            "model": model or CONVNEXT,
            "training": {"epochs": epochs, "learning_rate": 0.01},
            "measure": {"num_samples": 40, "batch_size": 16, **measure},
            "analyses": {
                "accuracy_images": 0,
                "intrinsic": None,
                "linear": None,
                "depthwise": depthwise or {},
            },
        }
    )


def measured(storage, config):
    case = Case(storage, config)
    train_trial(case.trial, case.data, case.paths)
    measure_trial(config, case.trial, case.data, case.paths)
    return case


def rows_of(case):
    return [row for row in case.rows() if row.analysis == "depthwise"]


def kernels_of(case):
    """The table of all kernels."""
    return kernels_of_trial(case.config, case.trial, case.paths).kernels


def plant(network, rng, noise=0.25):
    """Known patterns in place of the depthwise kernels; which, layer by layer."""
    families = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            count, _, size, _ = module.weight.shape
            possible = [f for f in FAMILIES if size > 3 or formula_of(f) != "square"]
            families += [possible[number] for number in rng.integers(len(possible), size=count)]
            drawn = [plant_kernels(f, size, 1, noise, rng).kernels for f in families[-count:]]
            with torch.no_grad():
                module.weight.copy_(torch.from_numpy(np.stack(drawn)))
    return families


def planted_file(folder, model=None, seed=0):
    """Weights of a network on the digits whose depthwise kernels are known patterns."""
    config = ModelConfig.model_validate(model or {**CONVNEXT, "kernel_size": 7})
    network = build_network(config, stand_in(config, 10), seed=5)
    families = plant(network, np.random.default_rng(seed))
    state = network.network.state_dict()
    path = folder / f"planted-{seed}.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path, families


# -- rows and tables


def recompute(table, name):
    """A quantity from rows of the table of kernels alone; None where it has no value."""
    alive = table[table["family"].notna()]
    classified = alive[alive["family"] != "other"]
    initial = table["initial_family"].dropna()
    shares = classified["family"].value_counts() / max(1, len(classified))
    values = {
        "classified_share": lambda: len(classified) / len(alive),
        "initial_share": lambda: (initial != "other").mean(),
        "excess_share": lambda: len(classified) / len(alive) - (initial != "other").mean(),
        "median_r2": lambda: alive["r2"].median(),
        "median_margin": lambda: alive["margin"].median(),
        "entropy": lambda: -(shares * np.log(shares)).sum() / np.log(10),
        "key_r2": lambda: alive["key_r2"].mean(),
        "mean_dc_share": lambda: alive["dc_share"].mean(),
        "dead_share": lambda: table["family"].isna().mean(),
    }
    if name.startswith("share_"):
        return (alive["family"] == name.removeprefix("share_")).mean()
    return values[name]() if name in values else None


@pytest.mark.parametrize("model", [CONVNEXT, CONVMIXER], ids=["convnext", "convmixer"])
def test_rows_are_what_the_table_of_kernels_says(storage, model):
    # Half of the noise counts as classified, so that all that is said has something to say.
    case = measured(storage, make_config(model, {"false_positive_rate": 0.5}, epochs=1))
    table, rows = kernels_of(case), rows_of(case)
    counts = [(8, 16), (8, 8)][model["name"] == "convmixer"]
    assert tuple(table.groupby("layer_index").size()) == counts
    seen = set()
    for row in rows:
        own = table if row.layer_index is None else table[table["layer_index"] == row.layer_index]
        head, _, name = row.quantity.partition("/")
        assert head == ("depthwise_network" if row.layer_index is None else "depthwise")
        expected = len(own) if name == "num_kernels" else recompute(own, name)
        if expected is not None:
            seen.add(name)
            assert row.value == pytest.approx(expected, abs=1e-9), (row.quantity, row.layer)
        if row.layer_index is not None:
            assert row.settings["kernel_size"] == model["kernel_size"]
            assert (own["layer"] == row.layer).all()
            assert (own["relative_depth"] == row.relative_depth).all()
    assert {"classified_share", "initial_share", "entropy", "share_difference"} <= seen
    assert not table["values"].equals(table["initial"])  # it was trained
    for _, row in table.iterrows():
        assert (row["family"] != "other") == (row["r2"] > row["threshold"])


def test_kernels_are_those_of_the_network_normalised_and_fitted(storage):
    case = measured(storage, make_config())
    table = kernels_of(case)
    network = begin_network(case.trial, case.data)
    for name, own in table.groupby("layer", sort=False):
        weight = network.network.get_submodule(name).weight.detach().double()[:, 0].numpy()
        shapes = normalize_kernels(weight).shapes
        stored = np.stack(own["values"].to_list()).reshape(shapes.shape)
        np.testing.assert_allclose(stored, shapes, atol=1e-6)
        np.testing.assert_allclose(own["norm"], np.linalg.norm(weight, axis=(1, 2)))
        fit = fit_families(shapes)
        np.testing.assert_allclose(own["r2"], fit.best_r2, atol=1e-6)
        assert own["best"].tolist() == [FAMILIES[number] for number in fit.best]


def test_an_untrained_network_is_what_it_was_before(storage):
    case = measured(storage, make_config())
    table = kernels_of(case)
    assert all((a == b).all() for a, b in zip(table["values"], table["initial"], strict=True))
    assert table["family"].equals(table["initial_family"])
    (excess,) = [r.value for r in rows_of(case) if r.quantity == "depthwise_network/excess_share"]
    assert excess == 0


def test_parts_and_actors_come_to_the_same(storage, tmp_path, monkeypatch):
    whole = measured(storage, make_config())
    for number, settings in enumerate(({"part_images": 32, "keep_activations": True}, {})):
        other = open_storage(tmp_path / str(number), create=True)
        claim_storage(other)
        config = make_config(**settings)
        case = Case(other, config)
        if settings:
            measure_trial(config, case.trial, case.data, case.paths)
        else:
            monkeypatch.setattr(sweep.measuring.plan, "SHARE_OF_MEMORY", 0)
            run_all(case, config, num_actors=3, shuffled=0)
        assert rows_digest(case.rows()) == rows_digest(whole.rows())
        tables = [kernels_of_trial(c.config, c.trial, c.paths).table for c in (case, whole)]
        assert repr(tables[0].to_pylist()) == repr(tables[1].to_pylist())  # nan is no equal


def test_a_network_without_any_says_so_and_nothing_else(storage):
    case = measured(storage, make_config({"name": "cnn", "width": 4, "depth": 1}))
    (row,) = rows_of(case)
    assert (row.quantity, row.value) == ("depthwise_network/num_kernels", 0)
    assert len(kernels_of(case)) == 0


def test_dead_kernels_are_counted_and_in_no_share(storage, tmp_path):
    path, _ = planted_file(tmp_path)
    from safetensors.torch import load_file

    state = load_file(path)
    state["stage1.0.depthwise.weight"][0] = 0
    state["stage1.0.depthwise.weight"][1] = 3.5
    save_file(state, path)
    model = {**CONVNEXT, "kernel_size": 7, "weights": str(path)}
    case = measured(storage, make_config(model))
    table = kernels_of(case)
    assert table["family"].isna().tolist() == [True, True] + [False] * 22
    rows = {(row.layer, row.quantity.partition("/")[2]): row for row in rows_of(case)}
    assert rows["stage1.0.depthwise", "dead_share"].value == 2 / 8
    assert rows["stage1.0.depthwise", "classified_share"].value == 1
    assert rows["", "dead_share"].value == 2 / 24


def test_weights_of_a_file_are_beside_the_network_from_its_seed(storage, tmp_path):
    path, families = planted_file(tmp_path)
    model = {**CONVNEXT, "kernel_size": 7}
    given = kernels_of(measured(storage, make_config({**model, "weights": str(path)})))
    assert (given["family"].to_numpy() == families).mean() > 0.9
    assert (given["initial_family"] == "other").mean() > 0.9
    drawn = kernels_of(measured(storage, make_config(model)))
    for kept, expected in zip(given["initial"], drawn["values"], strict=True):
        assert kept.tolist() == expected.tolist()


def test_more_clusters_than_there_are_kernels_are_none(storage):
    depthwise = {"clusters": {"num_clusters": 60}}
    case = measured(storage, make_config({**CONVNEXT, "width": 16}, depthwise))  # 48 kernels
    assert not [row for row in rows_of(case) if "cluster" in row.quantity]


@pytest.mark.parametrize("null", ["gaussian", "permuted", "initial", "strictest"])
def test_thresholds_are_those_of_the_null_that_is_asked_for(storage, null):
    rate = 0.1
    case = measured(storage, make_config(depthwise={"null": null, "false_positive_rate": rate}))
    (threshold,) = set(kernels_of(case)["threshold"])
    rows = {r.quantity.partition("/")[2]: r.value for r in rows_of(case) if r.layer_index is None}
    noise = fit_families(gaussian_kernels(5, 20_000, np.random.default_rng([0, 5])))
    expected = null_threshold(noise, rate)
    most = 3 / 24  # as many of 24 as 10% may come to, and one for the rounding
    if null == "gaussian":
        assert threshold == expected
    if null in ("permuted", "strictest"):
        assert rows["permuted_share"] <= most
    if null in ("initial", "strictest"):
        assert rows["initial_share"] <= most
    if null == "strictest":
        assert threshold >= expected


# -- which layers


class Mixed(nn.Module):
    """Kernels of two sizes, an oblong and an even one, grouped and pointwise convolutions."""

    def __init__(self, num_classes, image_shape):
        super().__init__()
        self.stem = nn.Conv2d(image_shape[0], 12, 3, padding=1)
        self.three = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.five = nn.Conv2d(12, 24, 5, padding=2, groups=12)  # two kernels a channel
        self.oblong = nn.Conv2d(24, 24, (1, 7), padding=(0, 3), groups=24)
        self.even = nn.Conv2d(24, 24, 4, 2, groups=24)
        self.grouped = nn.Conv2d(24, 24, 3, groups=4)
        self.point = nn.Conv2d(24, 24, 1, groups=24)
        self.head = nn.Linear(24, num_classes)

    def forward(self, images):
        maps = self.oblong(self.five(self.three(self.stem(images)).relu()))
        return self.head(self.point(self.grouped(self.even(maps))).mean((2, 3)))


class Branches(nn.Module):
    """Depthwise convolutions alone in a block, on another number of rows, by two ways, unused."""

    def __init__(self, num_classes, image_shape):
        super().__init__()
        self.late = self._depthwise()
        self.alone = nn.Sequential(self._depthwise())
        self.folded, self.beside, self.unused = (self._depthwise() for _ in range(3))
        self.stem = nn.Conv2d(image_shape[0], 8, 3, padding=1)
        self.head = nn.Linear(8, num_classes)

    @staticmethod
    def _depthwise():
        return nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def forward(self, images):
        maps = self.alone(self.stem(images))
        halves = maps.reshape(-1, 8, maps.shape[2] // 2, maps.shape[3])
        maps = self.folded(halves).reshape(maps.shape) + self.beside(maps)
        return self.head(self.late(maps).mean((2, 3)))


def test_every_convolution_that_is_called_has_its_place_in_the_order_of_depth(storage):
    case = measured(storage, make_config({"name": OWN.replace("Mixed", "Branches")}))
    rows = [row for row in rows_of(case) if row.quantity == "depthwise/median_r2"]
    assert [row.layer for row in rows] == ["alone.0", "folded", "beside", "late"]
    depths = [row.relative_depth for row in rows]
    assert depths == sorted(depths)
    indices = [row.layer_index for row in rows]
    assert indices == list(range(indices[0], indices[0] + 4))
    assert rows[0].settings["left_out"] == ["unused: no pass of images calls it"]


OWN = "tests.sweep.test_depthwise:Mixed"


def test_sizes_are_told_apart_and_odd_shapes_left_out_by_name(storage):
    case = measured(storage, make_config({"name": OWN, "image_size": 16}))
    table = kernels_of(case)
    assert table.groupby("layer", sort=False).size().to_dict() == {"three": 12, "five": 24}
    sizes = table.groupby("layer")["size"].unique()
    assert (sizes["three"].tolist(), sizes["five"].tolist()) == ([3], [5])
    levels = table.groupby("size")["threshold"].unique()
    assert levels[3][0] > levels[5][0]  # the smaller, the easier to fit
    settings = next(row.settings for row in rows_of(case))
    assert settings["left_out"] == [
        "oblong: kernels of 1 x 7 pixels",
        "even: kernels of 4 x 4 pixels",
    ]


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        # The blocks of Howard et al. 2019, table 2: their expansion sizes.
        (
            "torchvision/mobilenet_v3_small",
            [(3, n) for n in (16, 72, 88)]
            + [(5, n) for n in (96, 240, 240, 120, 144, 288, 576, 576)],
        ),
        # Depths of 2, 2, 6 and 2 blocks, as wide as their stage.
        (
            "timm/convnext_atto",
            [(7, n) for n, depth in ((40, 2), (80, 2), (160, 6), (320, 2)) for _ in range(depth)],
        ),
    ],
)
def test_networks_of_libraries_have_the_layers_that_were_counted(name, kernels):
    config = ModelConfig(name=name)
    found, left_out = depthwise_layers(build_network(config, stand_in(config, 10), seed=0))
    assert [(layer.size, len(layer.kernels)) for layer in found] == kernels
    assert not left_out


# -- what people see

SWEEP = """
name: kernels
training: {epochs: 1}
measure: {num_samples: 60, epochs: [0.5], untrained: false}
analyses: {linear: null, depthwise: {false_positive_rate: 0.2}}
regression: {resamples: 100, predictors: [depthwise_network/classified_share]}
space:
  - model.name: convnext
    model.width: 8
    model.depth: 1
    model.kernel_size: 5
    training.seed: {grid: [0, 1]}
  - {model.name: convnext, model.width: 8, model.depth: 1, model.kernel_size: 3}
  - {model.name: convmixer, model.width: 8, model.depth: 1, model.kernel_size: {grid: [7, 9]}}
  - {model.name: mlp, model.width: 4, model.depth: 1}
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    storage = open_storage(tmp_path_factory.mktemp("kernels") / "storage", create=True)
    return run_sweep(parse_sweep(SWEEP, "kernels"), storage, LocalProcess(), SilentProgress())


class Elements(HTMLParser):
    """Tags by their name, with attributes; all closed."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_the_report_has_a_section_with_a_line_a_configuration(swept):
    assert swept.failures == {}
    page = swept.report.read_text()
    assert '<h2 id="depthwise">Depthwise kernels</h2>' in page
    assert 'href="kernels.html"' in page
    context = depthwise_context(swept.results)
    assert context["without_kernels"] == ["mlp-w4-d1-e1"]
    assert "Without depthwise convolutions: mlp-w4-d1-e1." in page
    (line,) = [
        one
        for one in context["kernel_variants"]
        if one.name == "convnext-w8-d1-k5-e1" and one.epoch == 1
    ]
    shares = [
        row.value
        for each in swept.results.results
        if each.trial.name.startswith("convnext-w8-d1-k5-e1")
        for row in each.rows
        if row.quantity == "depthwise_network/classified_share"
    ]
    assert line.num_networks == len(shares) == 2
    expected = (np.mean(shares), min(shares), max(shares))
    assert line.values["classified_share"] == pytest.approx(expected)
    for response in ("test_accuracy", "id_last_hidden/twonn", "id_peak/twonn"):
        found = [one for one in context["kernel_relations"] if one.response == response]
        assert {one.method for one in found} == {"pearson", "spearman"}, response
        assert {one.predictor.partition("/")[2] for one in found} == {
            "classified_share", "excess_share", "key_r2",
        }  # fmt: skip


def test_other_sweeps_have_no_such_section(finished):
    assert "Depthwise kernels" not in finished.report.read_text()
    assert not finished.results.work.sweep_paths.kernels.exists()


def test_the_page_shows_families_clusters_and_pictures(swept):
    path = swept.results.work.sweep_paths.kernels
    text = path.read_text()
    page = Elements(text)
    assert "http://" not in text
    assert "https://" not in text
    assert not page.of("script")
    pictures = page.of("img")
    assert len(pictures) > 40
    assert all(each["src"].startswith("data:image/png;base64,") for each in pictures)
    said = " ".join(" ".join(page.text).split())
    for heading in ("By kernel size", "By depth", "By epoch", "Kernels of each family"):
        assert heading in said
    # 48 kernels of a size are enough, 24 and 8 are not.
    assert said.count("chosen by") == 1
    assert said.count("kernels are too few to cluster") == 3
    colors = {each.get("fill") for each in page.of("rect")}
    assert {COLORS["other"], COLORS["difference"]} <= colors
    for each in swept.results.results:
        assert (each.trial.name in said) == ("conv" in each.trial.name)


def test_bars_are_shares_of_the_tables(swept):
    sets = kernels_of_sweep(swept.results)
    assert [each.trial.role for each in sets] == ["trained"] * 5
    kernels = pool(sets)
    sizes, depths, epochs = by_size(kernels), by_depth(kernels), by_epoch(sets)
    titles = [f"{model} {size} x {size}" for model, size in
              (("convnext", 3), ("convnext", 5), ("convmixer", 7), ("convmixer", 9))]  # fmt: skip
    assert [panel.title for panel in sizes] == titles
    for panel in sizes:
        own = kernels[kernels["size"] == panel.size]
        before, trained = panel.places[0].bars
        assert trained.classified == pytest.approx((own["family"] != "other").mean())
        assert before.classified == pytest.approx((own["initial_family"] != "other").mean())
        for part in trained.parts:
            assert part.height == pytest.approx((own["family"] == part.family).mean())
    for panel in (*sizes, *depths, *epochs):
        for place in panel.places:
            for bar in place.bars:
                assert sum(part.height for part in bar.parts) == pytest.approx(1)
    assert [place.label for place in epochs[0].places] == ["0", "0.5", "1"]
    assert sum(bar.num_kernels for place in depths[1].places for bar in place.bars[1:]) == 48
    models, dots = dots_of(sets)
    assert models == ["convnext", "convmixer"]
    assert {size: len(those) for size, those in dots.items()} == {3: 1, 5: 2, 7: 1, 9: 1}
    for each in sets:
        size = int(each.kernels["size"].iloc[0])
        (row,) = [r for r in each.rows if r.quantity == "depthwise_network/permuted_share"]
        assert each.permuted_share(size) == pytest.approx(row.value)


def test_a_report_made_again_seeks_no_clusters(swept, monkeypatch):
    paths = swept.results.work.sweep_paths
    before = paths.kernels.read_text()
    (paths.clustered / "0123456789ab").mkdir()  # of kernels that are no more
    monkeypatch.setattr(kernel_clusters, "_cluster", None)
    report_sweep(swept.results.work.storage, "kernels", None)
    assert paths.kernels.read_text() == before
    assert len(list(paths.clustered.iterdir())) == 1


def test_a_sweep_without_depthwise_networks_has_a_sentence_and_no_page(swept):
    others = [each for each in swept.results.results if "mlp" in each.trial.name]
    results = replace(swept.results, results=others)
    context = depthwise_context(results)
    assert context["measures_kernels"]
    section = templates().get_template("depthwise.html.j2").render(**context)
    assert "No network of this sweep has depthwise convolutions" in section
    assert "href" not in section
    path = swept.results.work.sweep_paths.kernels
    before = path.read_text()
    assert write_kernels_page(results) == []
    assert not path.exists()
    path.write_text(before)


def test_the_axis_shows_what_there_is():
    few, many = bar_of({"gaussian": 1, "other": 99}), bar_of({"gaussian": 3, "other": 1})
    assert few.classified == pytest.approx(0.01)
    assert [part.family for part in many.parts] == ["gaussian", "other"]
    assert bar_of({}).parts == ()
    for bar, top in ((few, 0.1), (many, 1.0)):
        panel = type("P", (), {"places": [type("L", (), {"bars": [bar]})]})
        assert top_of([panel], {}) == top
    assert set(COLORS) == set(ORDER)
    assert len(set(COLORS.values())) == len(ORDER)


def test_a_network_of_dead_kernels_has_a_page(swept):
    (one, *_) = kernels_of_sweep(swept.results)
    dead = one.kernels.assign(family=None, initial_family=None)
    assert "24 of them dead" in render_kernels([replace(one, kernels=dead)], "dead")


def test_a_picture_is_red_above_zero_and_blue_below():
    import base64
    import io

    from PIL import Image

    kernel = np.array([[-2.0, 0, 1], [0, 0, 0], [0, 0, 2]])
    picture = draw_kernels(np.array([kernel, 0 * kernel]))
    file = io.BytesIO(base64.b64decode(picture.src.partition(",")[2]))
    pixels = np.asarray(Image.open(file))
    assert pixels.shape == (3, 7, 4)
    assert picture.width / picture.height == 7 / 3
    blue, white, pale, red = (pixels[at].tolist() for at in ((0, 0), (0, 1), (0, 2), (2, 2)))
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert white == [255] * 4
    assert red[1] < pale[1] < 255
    assert (pixels[:, 3, 3] == 0).all()  # the gap
    assert (pixels[:, 4:] == 255).all()  # a dead one


# -- the command


def test_one_network_by_a_command(capsys, tmp_path):
    path, families = planted_file(tmp_path)
    words = ["kernels", "convnext", "--weights", path, *WITHOUT_CLUSTERS]
    words += ["--set", "model.width=8", "--set", "model.depth=1"]
    page, output = tmp_path / "kernels.html", tmp_path / "kernels.parquet"
    code, out, err = call(capsys, *words, "--html", page, "-o", output)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["layer", "size", "kernels", "classified"]
    # Families may be broken into lines of their own.
    assert [line.split()[:3] for line in lines if line.startswith("stage")] == [
        ["stage1.0.depthwise", "7x7", "8"],
        ["stage2.0.depthwise", "7x7", "16"],
    ]
    assert ["all", "24"] in [line.split()[:2] for line in lines]
    table = pq.read_table(output).to_pandas()
    assert (table["family"].to_numpy() == families).mean() > 0.9
    text = page.read_text()
    assert "Layer by layer" in text
    assert "24 kernels are too few to cluster" in text
    Elements(text)


def test_a_network_without_any_is_no_error(capsys, tmp_path):
    page, output = tmp_path / "kernels.html", tmp_path / "kernels.parquet"
    code, out, _ = call(capsys, "kernels", "mlp", "--html", page, "-o", output)
    assert code == 0
    assert "mlp-w16-d2-untrained-s0: no depthwise convolution" in out.splitlines()[0]
    assert not page.exists()
    assert pq.read_table(output).num_rows == 0


def test_layers_that_are_left_out_are_named_and_clusters_told(capsys, monkeypatch):
    code, out, err = call(capsys, "kernels", OWN, "--image-size", "16")
    assert code == 0, err
    assert out.splitlines()[:2] == [
        "left out: oblong: kernels of 1 x 7 pixels",
        "left out: even: kernels of 4 x 4 pixels",
    ]


def test_clusters_are_on_unless_told_otherwise():
    from sweep.kernels_of import kernels_config

    model = ModelConfig(name="convnext")
    for settings, are_on in (
        ([], True),
        (["analyses.depthwise.null=strictest"], True),
        (["analyses.depthwise.clusters=null"], False),
        (["analyses.depthwise={}"], False),
    ):
        config = kernels_config(model, settings)
        assert (config.analyses.depthwise.clusters is not None) == are_on, settings
    # Of drawn images as few as will do.
    assert kernels_config(model, ["data.name=concepts"]).data.num_drawn == 100
    assert kernels_config(model, ["data.name=concepts", "data.num_drawn=9"]).data.num_drawn == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["convnexd"], "convnext"),
        (["convnext", "--set", "analyses.depthwise=null"], "must not be null"),
        (["convnext", "--set", "analyses.depthwise.null=none"], "gaussian"),
        (["convnext", "--set", "analyses.depthwise.clusters.num_seeds=1"], "greater"),
        (["convnext", "-o", "kernels.csv"], ".parquet"),
        (["convnext", "--html", "kernels.txt"], ".html"),
        (["convnext", "--weights", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(words, message, capsys):
    code, _, err = call(capsys, "kernels", *words)
    assert code == 2
    assert message in err
    assert len([line for line in err.splitlines() if "measuring on" not in line]) == 1


def test_from_python(tmp_path):
    found = api.kernels("mlp")
    assert found.table.num_rows == 0
    assert found.settings["left_out"] == []
    with pytest.raises(ValueError, match="no depthwise kernels"):
        _ = found.page
