"""Probe images as a folder in Broden's format: labels exact, read on demand, errors in a line.

Legend: N images, U units, C concepts in G categories, L layers of labels, P pixels of a mask.
"""

import csv
import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from estimators.top_values import TopValues
from sweep.config import DataConfig, SweepConfig
from sweep.data.labelfile import LabelFile
from sweep.data.labels import labels_of
from sweep.data.partitions import prepare_data
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.measuring import make_analyses
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.measuring.labelled import first_pass, merge_second, second_pass, thresholds
from sweep.measuring.measure import measure_trial
from sweep.measuring.probe import Probe
from sweep.measuring.sealed import read_sealed_table
from sweep.models.layers import find_layers
from sweep.pipeline import check_sweep, run_sweep
from sweep.profiling import profile_config
from sweep.progress import SilentProgress
from sweep.results import rows_digest
from sweep.sweepfile import parse_sweep
from sweep.training.checkpoints import begin_network
from tests.sweep.command_line import call
from tests.sweep.image_files import encoded
from tests.sweep.test_session import Case

NUM = 24
USUAL = (20, 20)  # of most masks
# By category the numbers of its labels; 700 takes green too, 30 is in two categories.
NUMBERS = {
    "color": [1, 2, 3],
    "texture": [11, 12],
    "material": [30, 31],
    "part": [40, 41, 700],
    "object": [30, 50],
    "scene": [60, 61],
}
CONCEPTS = [(category, number) for category, numbers in NUMBERS.items() for number in numbers]
SHUFFLED = ("scene", "object", "color", "texture", "part", "material")  # columns in the index


def as_png(numbers):
    """A mask as Broden has it: red + 256 green."""
    pixels = np.zeros((3, *numbers.shape), np.uint8)
    pixels[0], pixels[1] = numbers % 256, numbers // 256
    return encoded(pixels)


def write_csv(path, head, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def draw_labels(rng, number, size):
    """By category the layers of an image: numbers of the whole image, or (sh, sw) arrays."""

    def blocks(choices):
        small = rng.choice([0, *choices], (4, 4))
        rows, columns = (np.arange(side) * 4 // side for side in size)
        return small[np.ix_(rows, columns)]

    layers = {category: [] for category in NUMBERS}
    layers["color"] = [rng.choice(NUMBERS["color"], size)]
    if number % 3 == 0:
        layers["texture"] = rng.permutation(NUMBERS["texture"])[: 1 + number % 2].tolist()
    if number % 2:
        layers["material"] = [blocks(NUMBERS["material"])]
    if number % 4 != 1:
        layers["part"] = [blocks(NUMBERS["part"]) for _ in range(1 + number % 3)]
    if number % 5:
        layers["object"] = [blocks(NUMBERS["object"])]
    if number % 7 == 1:
        layers["object"].append(50)  # the whole image beside the mask
    if number % 3 == 1:
        layers["scene"] = [60 + number % 2]
    if number == 8:
        layers = {category: [] for category in NUMBERS}  # nothing is labelled
    return layers


def write_broden(folder, num=NUM, seed=0):
    """The folder; gives the layers that were drawn."""
    rng = np.random.default_rng(seed)
    (folder / "images" / "a").mkdir(parents=True)
    drawn, rows = [], []
    for number in range(num):
        size = (14, 26) if number % 6 == 5 else USUAL
        image = rng.integers(0, 256, (3, 2 * size[0], 2 * size[1]), dtype=np.uint8)
        kind = "JPEG" if number % 2 else "PNG"
        name = f"a/{number:03d}.{kind.lower()}"
        (folder / "images" / name).write_bytes(encoded(image, kind))
        layers = draw_labels(rng, number, size)
        drawn.append(layers)
        row = [name, "val" if number % 5 == 4 else "train", 2 * size[0], 2 * size[1], *size]
        for category in SHUFFLED:
            cell = []
            for place, layer in enumerate(layers[category]):
                if isinstance(layer, int):
                    cell.append(str(layer))
                else:
                    cell.append(f"a/{number:03d}_{category}_{place + 1}.png")
                    (folder / "images" / cell[-1]).write_bytes(as_png(layer))
            row.append(";".join(cell))
        rows.append(row)
    write_csv(folder / "index.csv", ["image", "split", "ih", "iw", "sh", "sw", *SHUFFLED], rows)
    numbers = sorted({number for _, number in CONCEPTS})
    write_csv(
        folder / "label.csv",
        ["number", "name", "category", "frequency", "coverage", "syns"],
        [
            [n, f"label {n}", ";".join(f"{c}(3)" for c in NUMBERS if n in NUMBERS[c]), 3, 0.5, ""]
            for n in numbers
        ],
    )
    return drawn


def shown(layers):
    """(C, P) bool: which concepts each pixel shows, at the usual resolution."""
    found = np.zeros((len(CONCEPTS), *USUAL), bool)
    for place, (category, number) in enumerate(CONCEPTS):
        for layer in layers[category]:
            if isinstance(layer, int):
                found[place] |= layer == number
            else:
                mask = Image.fromarray((layer == number).astype(np.uint8))
                found[place] |= np.asarray(mask.resize(USUAL[::-1], Image.Resampling.NEAREST)) > 0
    return found.reshape(len(CONCEPTS), -1)


@pytest.fixture(scope="module")
def broden(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broden")
    return folder, write_broden(folder)


def make_config(folder, dissection=None, **measure):
    return SweepConfig.model_validate(
        {
            "name": "m",
            "data": {"name": "broden", "path": str(folder)},
            "model": {"name": "cnn", "width": 4, "depth": 1, "image_size": 32},
            "training": {"epochs": 0},
            "measure": {"num_samples": 20, "batch_size": 7, **measure},
            "analyses": {
                "intrinsic": None,
                "linear": None,
                "dissection": {"share": 0.05, "permutations": 2, **(dissection or {})},
            },
        }
    )


def test_each_pixel_has_the_labels_that_were_drawn(broden, storage):
    folder, drawn = broden
    data = prepare_data(make_config(folder).data, storage)
    assert data.counts == {"train": NUM, "test": 0}  # all of them are probes
    assert data.class_names == ["train", "val"]
    ids = data.split("train").ids
    labels = labels_of(data, ids)
    assert labels.categories == tuple(NUMBERS)
    assert labels.names == tuple(f"label {number}" for _, number in CONCEPTS)
    assert labels.resolution == USUAL
    rng = np.random.default_rng(0)
    for places in (np.arange(NUM), rng.permutation(NUM)[:9], np.array([8]), np.array([], int)):
        maps = labels.of(places)
        for row, place in enumerate(places):
            found = np.zeros((len(CONCEPTS), USUAL[0] * USUAL[1]), int)
            for category in maps:
                for layer in category[row]:
                    for concept in np.unique(layer[layer > 0]):
                        found[concept - 1] += layer == concept
            # Once each: what two layers show alike isn't there twice.
            np.testing.assert_array_equal(found, shown(drawn[ids[place]]).astype(int))
    assert max(category.shape[1] for category in labels.of(np.arange(NUM))) == 3
    scenes = labels.of(np.arange(NUM))[-1]
    assert scenes.shape == (NUM, 1, 1)  # whole images take no room of pixels


def test_few_masks_are_in_memory_at_a_time(broden, storage, monkeypatch):
    folder, _ = broden
    data = prepare_data(make_config(folder).data, storage)
    monkeypatch.setattr("sweep.data.labelfile.CACHE_BYTES", 1)
    ids = data.split("train").ids
    few = LabelFile(data.folder, len(NUMBERS), 400)
    whole = labels_of(data, ids)
    for category in range(len(NUMBERS)):
        places = np.arange(NUM)[::-1]
        assert (few.maps(ids, category)[places] == whole.maps[category][places]).all()
    assert few._unpacked.cache_info().currsize == 1
    with pytest.raises(KeyError):
        few.maps(np.array([NUM]), 0)


def brute_force(maps, upsampling, levels, drawn, order):
    """Pixel by pixel and unit by unit: intersection (U, C) and area (U, G)."""
    categories = list(NUMBERS)
    num_units = maps.shape[1]
    intersection = np.zeros((num_units, len(CONCEPTS)), int)
    area = np.zeros((num_units, len(categories)), int)
    for image in range(len(maps)):
        truth = shown(drawn[order[image]])
        labelled = [truth[[c == category for c, _ in CONCEPTS]].any() for category in categories]
        for unit in range(num_units):
            high = upsampling(maps[image, unit][None])[0].numpy().ravel()
            level = levels.level[unit]
            active = high >= level if levels.inclusive[unit] else high > level
            intersection[unit] += (truth & active).sum(axis=1)
            area[unit] += np.where(labelled, active.sum(), 0)
    return intersection, area


def test_counts_are_those_of_a_brute_force(broden, storage):
    folder, drawn = broden
    config = make_config(folder)
    case = Case(storage, config)
    network = begin_network(case.trial, case.data)
    layers = find_layers(network, torch.zeros(5, 3, 32, 32), ["input", "stem"])
    view = NetworkView(
        Checkpoint(case.trial, case.data, config.measure), network, tuple(layers), 7, 7
    )
    (analysis,) = [a for a in make_analyses(config.analyses) if a.name == "dissection"]
    probe = Probe(analysis.config, view)
    first = first_pass(probe, (0, NUM))
    spans = [(0, 10), (10, NUM)]
    counted = merge_second([second_pass(probe, span, first) for span in spans])
    every = [[] for _ in probe.layouts]
    probe.go_through((0, NUM), lambda place, _, maps: every[place].append(maps.clone()))
    for place, layout in enumerate(probe.layouts):
        maps = torch.cat(every[place])
        levels = thresholds(probe, first, place, 0)
        height, width = layout.cells
        table = TopValues(layout.num_units, NUM * height * width)
        table.update(maps.flatten(2))
        assert (table.compute(0.05).level == levels.level).all()
        for number, order in enumerate(probe.orders):  # the last two permuted
            intersection, area = brute_force(
                maps, probe.upsampling(layout), levels, drawn, probe.ids[order]
            )
            assert (counted[f"{place}.0.intersection"][number] == intersection).all()
            assert (counted[f"{place}.0.area"][number] == area).all()
            assert intersection.any()
    truth = sum(shown(layers).sum(axis=1) for layers in drawn)
    assert (counted["truth"] == truth).all()


def test_masks_lie_over_the_images(tmp_path, storage):
    """An image that isn't square is resized whole: a unit that sees its red corner knows it."""
    (tmp_path / "images").mkdir()
    rows = []
    for number in range(20):
        high = number % 4 == 0
        height, width = (96, 40) if high else (40, 80)
        image = np.zeros((3, height, width), np.uint8)
        numbers = np.zeros((height // 2, width // 2), int)
        top = 4 * (number % 5)
        image[0, top : top + height // 4, width // 2 :] = 255
        numbers[top // 2 : (top + height // 4) // 2, width // 4 :] = 1
        (tmp_path / f"images/{number}.png").write_bytes(encoded(image))
        (tmp_path / f"images/{number}_m.png").write_bytes(as_png(numbers))
        size = [height, width, height // 2, width // 2]
        rows.append([f"{number}.png", "train", *size, f"{number}_m.png"])
    write_csv(tmp_path / "index.csv", ["image", "split", "ih", "iw", "sh", "sw", "color"], rows)
    write_csv(tmp_path / "label.csv", ["number", "name", "category"], [[1, "red", "color"]])
    config = make_config(tmp_path, {"share": 0.1}, layers=["input"])
    config = config.model_copy(update={"model": config.model.model_copy(update={"image_size": 40})})
    case = Case(storage, config)
    measure_trial(config, case.trial, case.data, case.paths)
    (analysis,) = [a for a in make_analyses(config.analyses) if a.name == "dissection"]
    units = read_sealed_table(config, case.trial, case.paths, analysis, "units").to_pylist()
    assert units[0]["concept"] == "red"
    assert units[0]["iou"] > 0.75
    assert units[0]["iou_of_ceiling"] > 0.9


def test_parts_of_the_images_come_to_the_same(broden, storage, tmp_path):
    from sweep.paths import claim_storage, open_storage

    folder, _ = broden
    digests = []
    other = open_storage(tmp_path / "other", create=True)
    claim_storage(other)
    for where, measure in ((storage, {}), (other, {"part_images": 14, "keep_activations": True})):
        case = Case(where, make_config(folder, **measure))
        measure_trial(case.config, case.trial, case.data, case.paths)
        digests.append(rows_digest(case.rows()))
    assert digests[0] == digests[1]


def test_other_labels_are_another_data_set(tmp_path):
    from sweep.paths import claim_storage, open_storage

    digests = []
    for number in (0, 1):
        write_broden(tmp_path / f"{number}")
        if number:
            mask = np.zeros(USUAL, int)
            (tmp_path / "1/images/a/001_color_1.png").write_bytes(as_png(mask))
        storage = open_storage(tmp_path / f"s{number}", create=True)
        claim_storage(storage)
        digests.append(prepare_data(make_config(tmp_path / f"{number}").data, storage).digest)
    assert digests[0] != digests[1]


def test_a_split_of_the_makers_can_be_chosen(broden, storage):
    folder, _ = broden
    config = DataConfig(name="broden", path=str(folder), classes=["train"])
    data = prepare_data(config, storage)
    assert data.counts["train"] == sum(number % 5 != 4 for number in range(NUM))
    labels_of(data, data.split("train").ids)


# -- what is wrong with a folder


def bomb(side=20_000):
    """A PNG that claims many pixels in few bytes."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def edit(name, *pairs):
    def change(folder):
        text = (folder / name).read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / name).write_text(text, newline="")

    return change


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def without(name):
    return lambda folder: (folder / name).unlink()


MASK = "images/a/001_color_1.png"
BAD = {
    "no index": (without("index.csv"), r"index\.csv does not exist; broden needs index\.csv"),
    "no labels": (without("label.csv"), r"label\.csv does not exist; broden needs"),
    "no column": (edit("index.csv", ("sh,", "height,")), r"index\.csv has no column sh$"),
    "no name": (edit("label.csv", ("name", "word")), r"label\.csv has no column name$"),
    "no category": (
        lambda folder: write_csv(
            folder / "index.csv",
            ["image", "split", "ih", "iw", "sh", "sw"],
            [["a/000.png", "train", 40, 40, 20, 20]],
        ),
        "has no column of a category: at least one of color, texture",
    ),
    "other category": (edit("index.csv", (",part", ",action")), "column 'action', and categories"),
    "twice": (edit("index.csv", (",part", ",color")), "has two columns color"),
    "empty": (
        lambda folder: (folder / "index.csv").write_text("image,split,ih,iw,sh,sw,color\n"),
        "names no image",
    ),
    "short row": (edit("index.csv", ("a/003.jpeg,", "")), "line 5 has 11 cells, and the head has"),
    "no size": (edit("index.csv", ("40,40,20,20", "40,40,20,x")), "line 2: sw is 'x', and must be"),
    "no text": (write("index.csv", b"\xff\xfe\x00"), r"index\.csv can't be read"),
    "outside": (edit("index.csv", ("a/002", "../002")), r"'\.\./002\.png' is no path below"),
    "absolute": (edit("index.csv", ("a/002.png", "/etc/x.png")), "'/etc/x.png' is no path below"),
    "mask outside": (
        edit("index.csv", ("a/001_color_1", "a/../../001_color_1")),
        r"line 3: the mask 'a/\.\./\.\./001_color_1\.png' is no path below images/",
    ),
    "no image": (without("images/a/002.png"), r"1 corrupt \(images/a/002\.png: No such file"),
    "image of another size": (
        write("images/a/002.png", encoded(np.zeros((3, 8, 9), np.uint8))),
        r"images/a/002\.png: 8 x 9 pixels, and index\.csv says 40 x 40",
    ),
    "broken image": (write("images/a/002.png", b"what"), r"images/a/002\.png: cannot identify"),
    "no mask": (without(MASK), r"line 3: the mask .*001_color_1\.png can't be read \(No such file"),
    "broken mask": (write(MASK, b"what"), r"color_1\.png can't be read \(cannot identify"),
    "mask of another size": (
        write(MASK, as_png(np.zeros((20, 19), int))),
        r"color_1\.png is 20 x 19, and sh x sw is 20 x 20",
    ),
    "grey mask": (write(MASK, encoded(np.ones((1, 20, 20), np.uint8))), "is grey: a label is red"),
    "bomb": (write(MASK, bomb()), r"can't be read \(Image size \(400000000 pixels\) exceeds"),
    "unknown label": (
        write(MASK, as_png(np.full(USUAL, 999))),
        r"line 3: 001_color_1\.png has the label 999, which label\.csv has no color",
    ),
    "label of another category": (
        write(MASK, as_png(np.full(USUAL, 50))),
        r"has the label 50, which label\.csv has no color",
    ),
    "unknown number": (
        edit("index.csv", (",61,", ",77,")),
        r"index\.csv has the label 77, which label\.csv has no scene",
    ),
    "many layers": (
        edit("index.csv", (",61,", "," + ";".join(["61"] * 70) + ",")),
        "70 labels of scene, more than 64",
    ),
    "label 0": (edit("label.csv", ("\n1,", "\n0,")), "line 2: the number '0' must be from 1 to"),
    "number twice": (edit("label.csv", ("\n2,", "\n1,")), "line 3: 1 has a name already"),
    "nothing of a category": (
        edit("label.csv", ("scene", "place"), ("scene", "place")),
        r"index\.csv has a column scene, but .*label\.csv names no label of it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_folder_is_told_in_one_line(case, tmp_path, storage):
    write_broden(tmp_path / "broden")
    change, message = BAD[case]
    change(tmp_path / "broden")
    with pytest.raises(UserError, match=message) as error:
        prepare_data(DataConfig(name="broden", path=str(tmp_path / "broden")), storage)
    assert str(error.value).startswith("data.")
    assert "\n" not in str(error.value)
    assert not list(storage.folder.glob("data/*"))  # nothing is kept of it


def test_a_pipe_among_the_masks_is_no_mask(tmp_path, storage):
    write_broden(tmp_path / "broden")
    (tmp_path / "broden" / MASK).unlink()
    os.mkfifo(tmp_path / "broden" / MASK)
    with pytest.raises(UserError, match="no regular file"):
        prepare_data(DataConfig(name="broden", path=str(tmp_path / "broden")), storage)


def test_missing_images_may_be_left_out(tmp_path, storage):
    drawn = write_broden(tmp_path / "broden")
    (tmp_path / "broden/images/a/002.png").unlink()
    config = DataConfig(name="broden", path=str(tmp_path / "broden"), max_bad_images=1)
    data = prepare_data(config, storage)
    ids = data.split("train").ids
    assert ids.tolist() == [number for number in range(NUM) if number != 2]
    (places,) = np.nonzero(ids == 7)
    (color,) = labels_of(data, ids).maps[0][places]
    expected = shown(drawn[7])[:3]
    assert ((color == np.arange(1, 4)[:, None, None]).any(axis=1) == expected).all()


# -- where it is used


def test_what_is_prepared_is_told(broden, capsys, tmp_path):
    folder, _ = broden
    words = ["--data", "broden", "--path", folder, "--storage", tmp_path / "s"]
    code, out, err = call(capsys, "prepare", *words, "--png", tmp_path / "sheet.png")
    assert code == 0, err
    assert "concepts: 3 of color, 2 of texture, 2 of material, 3 of part" in out
    assert "test" not in out.splitlines()[2]  # nothing is held out, and no line says so


def test_a_network_is_dissected_by_a_command(broden, capsys, tmp_path):
    folder, _ = broden
    words = ["--data", "broden", "--path", folder, "--image-size", "32", "--layers", "stage1"]
    words += ["--set", "model.width=4", "--set", "analyses.dissection.share=0.05"]
    page = tmp_path / "units.html"
    code, out, err = call(capsys, "dissect", "cnn", *words, "--html", page)
    assert code == 0, err
    assert out.splitlines()[0].split()[:2] == ["layer", "detectors"]
    assert f"on {NUM} images of broden" in page.read_text()


def test_nothing_is_trained_on_it(broden, storage):
    folder, _ = broden
    config = make_config(folder)
    training = config.training.model_copy(update={"epochs": 1})
    with pytest.raises(UserError, match=r"training\.epochs: 1 asked, but broden has no classes"):
        check_sweep(config.model_copy(update={"training": training}), storage)
    with pytest.raises(UserError, match=r"training\.epochs must be 0"):
        profile_config(config.model, ["training.epochs=1"])


SWEEP = """
name: pretrained
data: {name: broden, path: FOLDER}
model: {name: cnn, depth: 1, image_size: 32}
training: {epochs: EPOCHS}
measure: {num_samples: 20, layers: [stem, stage1]}
analyses: {linear: null, dissection: {share: 0.05, permutations: 2}}
regression: {resamples: 100}
space: {model.width: {grid: [4, 6]}}
"""


def test_a_sweep_compares_networks_on_it(broden, storage):
    folder, _ = broden
    text = SWEEP.replace("FOLDER", str(folder))
    sweep = parse_sweep(text.replace("EPOCHS", "0"), "pretrained")
    result = run_sweep(sweep, storage, LocalProcess(), SilentProgress())
    assert result.failures == {}
    assert len(result.results.results) == 2
    for each in result.results.results:
        page = result.report.parent / "units" / f"{each.trial.key}.html"
        assert f"on {NUM} images of broden" in page.read_text()
    varied = text.replace("EPOCHS", "0").replace("model.width: {grid: [4, 6]}",
                                                 "training.epochs: {grid: [0, 1]}")  # fmt: skip
    with pytest.raises(UserError, match="broden has no classes to learn"):
        run_sweep(parse_sweep(varied, "varied"), storage, LocalProcess(), SilentProgress())
