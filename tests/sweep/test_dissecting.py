"""Dissection of networks: however the work is cut, and whatever their layers look like."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from estimators.top_images import NO_IMAGE, TopImages
from estimators.top_values import TopValues
from sweep.config import SweepConfig
from sweep.data.concepts import CONCEPTS, concept_masks, scene_labels
from sweep.data.labels import CATEGORIES, labels_of
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.measuring import make_analyses
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.measuring.counting import count_all
from sweep.measuring.dissection import DissectionAnalysis
from sweep.measuring.labelled import without_ties
from sweep.measuring.maps import map_layout
from sweep.measuring.measure import measure_trial
from sweep.measuring.probe import Probe
from sweep.measuring.sealed import read_sealed_table
from sweep.models.layers import find_layers
from sweep.pipeline import check_sweep, run_sweep
from sweep.progress import SilentProgress
from sweep.report.dissection_table import dissection_context
from sweep.results import rows_digest
from sweep.sweepfile import parse_sweep
from sweep.training.checkpoints import begin_network
from tests.sweep.command_line import call
from tests.sweep.test_session import Case

TABLES = ("units", "curves", "rotations", "concepts")


def make_config(dissection=None, **measure):
    return SweepConfig.model_validate(
        {
            "name": "m",
            "data": {"name": "concepts", "num_drawn": 500},
            "model": {"name": "cnn", "width": 6, "depth": 2},
            "training": {"epochs": 0},
            "measure": {"num_samples": 40, "batch_size": 16, **measure},
            "analyses": {
                "intrinsic": None,
                "linear": None,
                "dissection": {
                    "num_images": 100,
                    "share": 0.02,
                    "permutations": 3,
                    "rotations": {"number": 2, "alphas": [0.5, 1.0]},
                    **(dissection or {}),
                },
            },
        }
    )


def dissect(storage, config):
    """Rows by layer and quantity, and the tables."""
    case = Case(storage, config)
    measure_trial(config, case.trial, case.data, case.paths)
    return case


def rows_by_layer(case):
    return {
        (row.layer, row.quantity.removeprefix("dissection/")): row.value
        for row in case.rows()
        if row.analysis == "dissection" and row.layer_index is not None
    }


def table(case, name):
    (analysis,) = [a for a in make_analyses(case.config.analyses) if a.name == "dissection"]
    return read_sealed_table(case.config, case.trial, case.paths, analysis, name)


def test_parts_of_the_images_come_to_the_same(storage, tmp_path):
    from sweep.paths import claim_storage, open_storage

    more = {"matched_up_to": 0.1}
    whole = dissect(storage, make_config(more))
    other = open_storage(tmp_path / "other", create=True)
    claim_storage(other)
    # So little memory for activations that all goes through files, in parts of two batches.
    parts = dissect(other, make_config(more, part_images=32, keep_activations=True))
    assert len(list(other.folder.rglob("part-*"))) == 0  # no points are asked for
    assert rows_digest(parts.rows()) == rows_digest(whole.rows())
    for name in TABLES:
        assert table(parts, name).equals(table(whole, name))


def test_what_was_counted_is_not_counted_again(storage, monkeypatch):
    """A process that died in the second pass left the first, and a part of the second."""
    config = make_config(part_images=32, keep_activations=True)
    whole = rows_digest(dissect(storage, config).rows())
    case = Case(storage, config)
    shutil.rmtree(next(case.paths.folder.glob("measured-*")))
    spans = []
    count = DissectionAnalysis.count

    def counting(self, view, number, span, before):
        if number == 1 and len(spans) == 6:
            raise KeyboardInterrupt
        spans.append((number, span))
        return count(self, view, number, span, before)

    monkeypatch.setattr(DissectionAnalysis, "count", counting)
    with pytest.raises(KeyboardInterrupt):
        measure_trial(config, case.trial, case.data, case.paths)
    monkeypatch.setattr(DissectionAnalysis, "count", count_and_note(count, spans))
    measure_trial(config, case.trial, case.data, case.paths)
    parts = [(0, 32), (32, 64), (64, 96), (96, 100)]
    assert spans == [(number, part) for number in (0, 1) for part in parts]
    assert rows_digest(case.rows()) == whole


def count_and_note(count, spans):
    def counting(self, view, number, span, before):
        spans.append((number, span))
        return count(self, view, number, span, before)

    return counting


def test_levels_matched_to_concepts_are_those_of_a_sort(storage):
    """Of the input, whose cells are the pixels: sorted and held against the labels directly."""
    cap = 0.05
    config = make_config({"matched_up_to": cap}, layers=["input", "stem"])
    case = dissect(storage, config)
    units = table(case, "units").to_pandas()
    units = units[units["layer"] == "input"]
    concepts = table(case, "concepts").to_pandas().set_index("concept")
    network = begin_network(case.trial, case.data)
    layers = find_layers(network, torch.zeros(5, 3, 32, 32), ["input"])
    checkpoint = Checkpoint(case.trial, case.data, config.measure)
    probe = Probe(
        config.analyses.dissection, NetworkView(checkpoint, network, tuple(layers), 16, 16)
    )
    batches = []
    probe.go_through((0, len(probe.rows)), lambda _, __, maps: batches.append(maps.flatten(2)))
    values = torch.cat(batches).numpy()  # (N, U, P)
    labels = probe.labels
    for unit in units.itertuples():
        number = labels.names.index(unit.concept)
        wanted = concepts.loc[unit.concept, "pixels"] / concepts.loc[unit.concept, "of_pixels"]
        assert unit.matched_share == pytest.approx(min(max(wanted, 0), cap))
        own = values[:, unit.unit]
        level = np.sort(own.ravel())[-int(unit.matched_share * own.size) - 1]
        assert unit.matched_threshold == level
        category = labels.maps[labels.category_of[number]]
        shown = (category == number + 1).any(axis=1) & np.ones(own.shape, bool)
        counts = category.reshape(len(own), -1).any(axis=1)
        active = own > level
        both, either = (active & shown)[counts].sum(), (active | shown)[counts].sum()
        assert unit.matched_iou == pytest.approx(both / either)
    rows = rows_by_layer(case)
    assert rows["input", "matched_detectors"] == (units["matched_iou"] > 0.04).sum()


def test_units_that_saturate_are_left_out_by_choice_and_not_dead():
    values = torch.tensor([0.0, 1, 1, 1, 1]).reshape(5, 1, 1)
    table = TopValues(1, 2)
    table.update(values)
    for ties, usable in (("kept", True), ("dropped", False)):
        found = without_ties(table.compute(0.2), ties)
        assert found.is_usable.tolist() == [usable]
        assert not found.constant.any()


def test_a_layer_that_is_not_finite_has_its_rows_and_no_unit_that_detects(storage):
    config = make_config()
    case = Case(storage, config)
    network = begin_network(case.trial, case.data)
    with torch.no_grad():
        next(network.network.parameters()).fill_(torch.nan)
    layers = find_layers(network, torch.zeros(5, 3, 32, 32), ["input", "stem"])
    view = NetworkView(
        Checkpoint(case.trial, case.data, config.measure), network, tuple(layers), 16, 16
    )
    (analysis,) = [a for a in make_analyses(config.analyses) if a.name == "dissection"]
    units = count_all(analysis, view).tables["units"].to_pandas()
    stem = units[units["layer"] == "stem"]
    assert not stem["finite"].any()
    assert not stem["detector"].any()
    assert not stem["dead"].any()


def test_the_input_detects_colors_and_permuted_labels_none(storage):
    """The three channels of the picture are units that need no training."""
    case = dissect(storage, make_config({"share": 0.005, "permutations": 19}))
    rows = rows_by_layer(case)
    assert rows["input", "unique_color"] >= 1
    assert rows["input", "null_unique_detectors"] < rows["input", "unique_detectors"]
    units = table(case, "units").to_pandas().set_index(["layer", "unit"])
    assert set(units.loc["input"]["best_color"]) <= set(CONCEPTS["color"])
    assert (units.loc["input"]["p_value"] == 1 / 20).any()
    best = units.loc["input"]["iou"]
    assert (best <= units.loc["input"]["ceiling"] + 1e-12).all()


def test_top_images_are_those_of_the_largest_values_with_where_the_unit_is_active(storage):
    case = dissect(storage, make_config())
    units = table(case, "units").to_pandas()
    split = case.data.split("train")
    rows = np.sort(np.random.default_rng([0, len(split)]).permutation(len(split))[:100])
    largest = split.stored(rows).reshape(100, 3, -1).max(axis=2)  # of the input, before scaling
    for row in units.itertuples():
        assert len(row.top_images) == 6
        assert (np.diff(row.top_values) <= 0).all()
        assert len(row.top_masks) == (6 if row.detector else 0)
        if row.layer == "input":
            order = np.lexsort((split.ids[rows], -largest[:, row.unit].astype(int)))[:6]
            assert row.top_images.tolist() == split.ids[rows][order].tolist()
    (detector,) = units[units["detector"]].head(1).itertuples()
    masks = np.unpackbits(
        np.stack([np.frombuffer(m, np.uint8) for m in detector.top_masks]), axis=1
    )
    assert masks[0].any()


@pytest.mark.parametrize("kept", ["plain", "packed"])
def test_labels_are_those_that_the_images_were_drawn_with(storage, kept, monkeypatch):
    if kept == "packed":  # as many large ones are
        monkeypatch.setattr("sweep.data.labels.PLAIN_PIXELS", 0)
    data = prepare_data(make_config().data, storage)
    ids = data.split("test").ids[:50]
    labels = labels_of(data, ids)
    shown = labels.of(np.arange(50))
    assert labels.categories == tuple(CONCEPTS) == CATEGORIES
    masks = concept_masks(ids, 32)
    for number, category in enumerate(CATEGORIES):
        before = sum(len(CONCEPTS[c]) for c in CATEGORIES[:number])
        found = shown[number].astype(int)
        expected = scene_labels(ids)[:, None] if category == "scene" else masks[category]
        expected = expected.reshape(50, 1, -1).astype(int)
        assert (found == np.where(expected, expected + before, 0)).all()


def test_images_without_labels_are_refused_before_anything_is_done(storage):
    config = SweepConfig.model_validate({"name": "m", "analyses": {"dissection": {}}})
    with pytest.raises(UserError, match=r"dissection needs .* digits has none: .*concepts"):
        check_sweep(config, storage)


SWEEP = """
name: units
data: {name: concepts, num_drawn: 400}
model: {name: cnn, width: 4, depth: 1}
training: {epochs: 1}
measure: {num_samples: 60, untrained: false}
analyses:
  linear: null
  dissection: {num_images: 60, share: 0.02, permutations: 2, rotations: {number: 1, alphas: [1.0]}}
regression: {resamples: 100, predictors: [dissection_peak/unique_detectors]}
space:
  training.learning_rate: {grid: [0.1, 0.05, 0.02, 0.01, 0.005]}
"""


def test_a_network_is_summed_up_by_its_last_map(storage):
    """Recomputed from rows and tables of layers."""
    case = dissect(storage, make_config())
    layered, whole = rows_by_layer(case), {}
    for row in case.rows():
        if row.analysis == "dissection" and row.layer_index is None:
            whole[row.quantity.removeprefix("dissection/")] = row.value
    hidden = {row.layer_index: row for row in case.rows() if row.layer_index is not None}
    maps = [row for row in hidden.values() if row.layer not in ("input", "pool", "head")]
    last = max(maps, key=lambda row: row.layer_index)
    unique = layered[last.layer, "unique_detectors"]
    assert unique > 0
    assert whole["last_map_unique"] == unique
    null = layered[last.layer, "null_unique_detectors"]
    assert whole["last_map_excess"] == pytest.approx(unique - null)
    kept = layered[last.layer, "rotated_unique_detectors"]
    assert whole["last_map_rotation_loss"] == pytest.approx(1 - kept / unique)
    depth = {}
    for names in (("color", "texture"), ("part", "object")):
        counts = [sum(layered[row.layer, f"unique_{name}"] for name in names) for row in maps]
        assert sum(counts) > 0
        depth[names] = np.average([row.relative_depth for row in maps], weights=counts)
    assert whole["concept_rise"] == pytest.approx(np.diff(list(depth.values()))[0])


def test_the_report_links_a_page_of_units_for_each_network(storage):
    result = run_sweep(parse_sweep(SWEEP, "units"), storage, LocalProcess(), SilentProgress())
    assert result.failures == {}
    assert result.regression.correlations
    page = result.report.read_text()
    context = dissection_context(result.results)
    for response in ("test_accuracy", "id_last_hidden/twonn", "id_peak/twonn"):
        found = [one for one in context["relations"] if one.response == response]
        assert {one.method for one in found} == {"pearson", "spearman"}, response
    for each in result.results.results:
        assert f'href="units/{each.trial.key}.html"' in page
        units = (result.report.parent / "units" / f"{each.trial.key}.html").read_text()
        assert f"<h1>Units of {each.trial.name}</h1>" in units
        assert "data:image/png;base64," in units
        assert "http://" not in units.replace("http://www.w3.org", "")
    written = result.report.stat().st_mtime_ns
    run_sweep(parse_sweep(SWEEP, "units"), storage, LocalProcess(), SilentProgress())
    assert result.report.stat().st_mtime_ns == written  # nothing has changed since


def test_one_network_is_dissected_by_a_command(capsys, tmp_path):
    small = ["--num-images", "40", "--set", "data.num_drawn=200", "--layers", "stage1"]
    small += ["--set", "model.width=4", "--set", "analyses.dissection.share=0.02"]
    files = ["--html", str(tmp_path / "units.html"), "-o", str(tmp_path / "units.parquet")]
    code, out, err = call(capsys, "dissect", "cnn", *small, *files)
    assert code == 0, err
    assert out.splitlines()[0].split()[:2] == ["layer", "detectors"]
    assert pq.read_table(tmp_path / "units.parquet").num_rows == 4
    assert "<h1>Units of cnn" in (tmp_path / "units.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "data.name=digits"], "digits has none"),
        (["--set", "analyses.dissection=null"], "must not be null"),
        (["--set", "analyses.dissection.share=2"], "less than 1"),
        (["-o", "units.csv"], ".parquet"),
    ],
)
def test_what_cannot_be_dissected_is_told_in_one_line(words, message, capsys):
    code, _, err = call(capsys, "dissect", "cnn", *words)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


# -- layers as maps


class Tokens(nn.Module):
    """Patches, a token before them, and a linear layer of all."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.mix = nn.Linear(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return self.head(self.mix(tokens)[:, 0])


class LastChannels(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 2, 2)
        self.mix = nn.Linear(5, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, images):
        mixed = self.mix(self.conv(images).permute(0, 2, 3, 1))
        return self.head(mixed.mean((1, 2)))


class Merged(LastChannels):
    """Four neighbors become one, as in Swin."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(20, 20)
        self.head = nn.Linear(20, 2)

    def forward(self, images):
        cells = self.conv(images).permute(0, 2, 3, 1)
        four = [cells[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.head(self.mix(torch.cat(four, -1)).mean((1, 2)))


def layout_of(network, name, rule="receptive", size=(8, 16)):
    (layer,) = find_layers(network, torch.zeros(5, 3, *size), [name])
    return map_layout(layer, rule)


def test_tokens_are_a_grid_of_patches_behind_those_beside_them():
    network = Tokens()
    layout = layout_of(network, "mix")
    assert (layout.axes, layout.cells, layout.num_units) == ("TC", (2, 4), 8)
    assert (layout.layer.centers.start, layout.layer.centers.step) == ((1.5, 1.5), (4, 4))
    tokens = torch.randn(3, 9, 8)
    maps = layout.maps(tokens.flatten(1))
    assert torch.equal(maps[1, 5, 1, 2], tokens[1, 1 + 4 + 2, 5])


def test_maps_may_have_their_channels_last():
    layout = layout_of(LastChannels(), "mix")
    merged = layout_of(Merged(), "mix", size=(16, 16))
    assert (merged.axes, merged.cells, merged.num_units) == ("HWC", (4, 4), 20)
    assert not merged.anchored  # where its cells look isn't known any more
    assert (layout.axes, layout.cells, layout.num_units) == ("HWC", (4, 8), 5)
    values = torch.randn(2, 4, 8, 5)
    assert torch.equal(layout.maps(values.flatten(1)), values.permute(0, 3, 1, 2))


def test_a_vector_looks_at_the_whole_image():
    network = nn.Sequential(nn.Flatten(), nn.Linear(384, 7), nn.ReLU(), nn.Linear(7, 2))
    layout = layout_of(network, "1")
    assert (layout.axes, layout.cells, layout.num_units) == ("C", (1, 1), 7)
    brought = layout.upsampling((8, 16), (4, 4))(torch.arange(3.0)[:, None, None])
    assert torch.equal(brought, torch.arange(3.0)[:, None, None].expand(3, 4, 4))


def test_half_pixel_anchors_by_choice():
    network = nn.Sequential(nn.Conv2d(3, 2, 3, 2), nn.Flatten(), nn.Linear(2 * 3 * 7, 2))
    for rule, start in (("receptive", 1.0), ("half_pixel", (8 / 3 - 1) / 2)):
        layout = layout_of(network, "0", rule)
        rows, _ = layout.upsampling((8, 16), (8, 16))._rows[:2]
        assert layout.anchored == (rule == "receptive")
        place = (torch.arange(8) - start) / (2 if rule == "receptive" else 8 / 3)
        assert torch.equal(rows, place.clamp(0, 2).floor().long().clamp(max=1))


# -- the images in which a unit is largest


def test_top_images_depend_on_no_order_and_no_merge():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (40, 3)).astype(np.float32)  # many alike
    found = []
    for parts in ([np.arange(40)], np.split(rng.permutation(40), [3, 17, 18])):
        tops = [TopImages(3, 6) for _ in range(2)]
        for number, rows in enumerate(parts):
            tops[number % 2].update(values[rows], rows)
        tops[0].merge(tops[1])
        found.append(tops[0])
    np.testing.assert_array_equal(found[0].images, found[1].images)
    expected = [sorted(range(40), key=lambda i: (-values[i, unit], i))[:6] for unit in range(3)]
    np.testing.assert_array_equal(found[0].images.T, expected)


def test_fewer_images_than_places():
    top = TopImages(2, 3)
    top.update(np.array([[1.0, 2.0]], np.float32), np.array([7]))
    assert top.images.tolist() == [[7, 7], [NO_IMAGE] * 2, [NO_IMAGE] * 2]
