"""Drawn images are functions of seed and id; their labels say what the pixels show."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators import TwoNN, nearest_neighbors
from sweep.config import DataConfig
from sweep.data import open_source
from sweep.data.concepts import (
    CLASS_NAMES,
    CONCEPTS,
    CONTINUOUS,
    DISCRETE,
    LABELED_SHARES,
    NUM_CONTINUOUS,
    PIXEL_CATEGORIES,
    color_names,
    concept_masks,
    coverage,
    draw_classes,
    draw_factors,
    draw_images,
    image_labels,
    labeled,
    scene_labels,
)
from sweep.data.concepts.buildings import site_of
from sweep.data.concepts.factors import uniforms
from sweep.data.concepts.naming import TYPICAL
from sweep.data.concepts.palette import rgb
from sweep.data.concepts.picture import draw_canvas
from sweep.data.concepts.plants import plants_of
from sweep.data.concepts.world import world_of
from sweep.data.decode import decode
from sweep.data.partitions import prepare_data
from tests.sweep.command_line import call

SIZE = 32
MANY = np.arange(720)
NUM_CLASSES = len(CLASS_NAMES)


@pytest.fixture(scope="module")
def masks():
    return concept_masks(MANY, SIZE)


def number(category, concept):
    return CONCEPTS[category].index(concept) + 1


@given(ids=st.lists(st.integers(0, 2**40), min_size=1, max_size=6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_an_image_depends_on_seed_and_id_alone(ids, seed):
    together = draw_images(seed, np.array(ids), SIZE)
    labels = draw_classes(seed, np.array(ids))
    for row, one in enumerate(ids):
        np.testing.assert_array_equal(draw_images(seed, np.array([one]), SIZE)[0], together[row])
        assert draw_classes(seed, np.array([one]))[0] == labels[row]


def test_another_process_draws_the_same():
    code = (
        "import hashlib, numpy as np; from sweep.data.concepts import *; "
        "print(hashlib.sha256(draw_images(5, np.arange(9), 40).tobytes()"
        " + concept_masks(np.arange(9), 40, 5)['object'].tobytes()).hexdigest())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = draw_images(5, np.arange(9), 40).tobytes()
    here += concept_masks(np.arange(9), 40, 5)["object"].tobytes()
    assert found.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_random_numbers_are_those_of_splitmix64():
    """Against whole numbers of Python."""
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1

    def mixed(state):
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
        return state ^ state >> 31

    seed, stream, one = 12345, 3, 987654321
    state = mixed((one * golden & mask) ^ mixed(seed + golden * (stream + 1) & mask))
    expected = [(mixed(state + golden * n & mask) >> 11) * 2**-53 for n in (1, 2, 3)]
    assert uniforms(seed, stream, np.array([one]), 3)[0].tolist() == expected


def test_factors_are_uniform_and_independent():
    factors = draw_factors(0, np.arange(20_000))
    values = factors.continuous
    assert values.shape == (20_000, NUM_CONTINUOUS)
    assert values.min() >= 0
    assert values.max() < 1
    np.testing.assert_allclose(values.mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(values.var(axis=0), 1 / 12, atol=0.003)
    columns = np.column_stack([values, *factors.discrete.values(), factors.classes])
    apart = np.corrcoef(columns.T) - np.eye(columns.shape[1])
    assert np.abs(apart).max() < 0.04
    for name, count in DISCRETE.items():
        shares = np.bincount(factors.discrete[name], minlength=count) / 20_000
        np.testing.assert_allclose(shares, 1 / count, atol=0.015)


def test_every_continuous_factor_moves_every_picture_its_own_way():
    """So the images of one choice of discrete factors lie on a manifold of that dimension."""
    step = 0.01
    factors = draw_factors(0, np.arange(6))
    for row in range(6):
        one = factors.of(row)
        moves = []
        for name in CONTINUOUS:
            sides = [
                draw_canvas(
                    replace(one, continuous={**one.continuous, name: one.continuous[name] + by}), 48
                ).pixels
                for by in (-step, step)
            ]
            moves.append(((sides[1] - sides[0]) / (2 * step)).ravel())
        lengths = np.linalg.norm(moves, axis=1)
        assert lengths.min() > 0.2, CONTINUOUS[lengths.argmin()]
        singular = np.linalg.svd(np.array(moves) / lengths[:, None], compute_uv=False)
        assert len(singular) == NUM_CONTINUOUS
        assert singular.min() > 0.03


@pytest.mark.parametrize("free", [1, 5, NUM_CONTINUOUS])
def test_free_factors_vary_and_no_others(free):
    values = draw_factors(0, np.arange(100), free).continuous
    assert (values.std(axis=0) > 0.2).tolist() == [n < free for n in range(NUM_CONTINUOUS)]
    assert (values[:, free:] == 0.5).all()
    whole = draw_factors(0, np.arange(100)).continuous
    np.testing.assert_array_equal(values[:, :free], whole[:, :free])


def test_classes_count_the_trees_on_either_side():
    factors = draw_factors(3, np.arange(200))
    for row in range(200):
        world = world_of(factors.of(row))
        site = site_of(world)
        trees = [plant.x for plant in plants_of(world, site) if plant.tree]
        left, right = sum(x < site.x for x in trees), sum(x > site.x for x in trees)
        assert CLASS_NAMES[factors.classes[row]] == f"{left} left, {right} right"


def test_classes_are_balanced():
    labels = draw_classes(1, np.arange(100 * NUM_CLASSES))
    assert (np.sort(labels.reshape(100, NUM_CLASSES), axis=1) == np.arange(NUM_CLASSES)).all()


def test_no_concept_tells_the_class(masks):
    """The best guess from whether a concept occurs is right in 2 of 9 at most, and by chance."""
    classes = draw_classes(0, MANY)
    for category in CONCEPTS:
        found = scene_labels(MANY) if category == "scene" else masks[category]
        known = labeled(category, MANY)
        present = image_labels(found, category)[known]
        for column, name in zip(present.T, CONCEPTS[category], strict=True):
            counts = [np.bincount(classes[known][column == there]) for there in (False, True)]
            right = sum(count.max() for count in counts if len(count)) / known.sum()
            assert right < 2 / 9 + 0.05, name


def test_masks_are_numbers_of_concepts(masks):
    assert set(masks) == set(PIXEL_CATEGORIES)
    for category, found in masks.items():
        assert found.shape == (len(MANY), SIZE, SIZE)
        assert found.max() == len(CONCEPTS[category])
        assert (np.bincount(found.ravel())[1:] > 0).all()


def test_parts_and_textures_lie_within_objects(masks):
    known = labeled("part", MANY) & labeled("object", MANY)
    parts, objects = masks["part"][known], masks["object"][known]
    owners = {
        "blade": ["windmill"],
        "hub": ["windmill"],
        "lantern": ["lighthouse"],
        "chimney": ["house"],
        "crown": ["tree", "pine"],
        "trunk": ["tree", "pine", "cactus"],
        "arm": ["cactus"],
        "envelope": ["balloon", "kite"],
        "basket": ["balloon"],
        "tail": ["kite"],
    }
    for part in ("wall", "roof", "door", "window"):
        owners[part] = ["house", "windmill", "lighthouse"]
    assert set(owners) == set(CONCEPTS["part"])
    for part, names in owners.items():
        found = np.unique(objects[parts == number("part", part)]).tolist()
        assert found == sorted(number("object", name) for name in names)
    known = labeled("texture", MANY) & labeled("object", MANY)
    assert (masks["object"][known][masks["texture"][known] > 0] > 0).all()


def test_materials_go_with_their_objects(masks):
    known = labeled("material", MANY) & labeled("object", MANY)
    materials, objects = masks["material"][known], masks["object"][known]
    for material, object_ in (("water", "lake"), ("straw", "stubble"), ("sand", "dune")):
        there = objects == number("object", object_)
        np.testing.assert_array_equal(materials == number("material", material), there)


def test_colors_are_those_of_the_pixels(masks):
    images = draw_images(0, MANY[:50], SIZE)
    np.testing.assert_array_equal(masks["color"][:50], color_names(images))
    for name, codes in TYPICAL.items():
        for code in codes:
            levels = np.rint(rgb(code) * 255).astype(np.uint8).reshape(3, 1, 1)
            assert CONCEPTS["color"][color_names(levels)[0, 0] - 1] == name, code


def test_masks_of_other_sizes_agree():
    small = concept_masks(np.arange(30), 32)
    large = concept_masks(np.arange(30), 96)
    for category in ("object", "material"):
        centers = large[category][:, 1::3, 1::3]  # the very points at which the small one looks
        assert (centers == small[category]).mean() > 0.995


def test_unlabeled_images_are_known_and_empty(masks):
    many = np.arange(20_000)
    for category, share in LABELED_SHARES.items():
        assert labeled(category, many).mean() == pytest.approx(share, abs=0.012)
        there = labeled(category, MANY)
        found = scene_labels(MANY)[:, None, None] if category == "scene" else masks[category]
        assert not found[~there].any()
        assert found[there].any(axis=(1, 2)).mean() > 0.5
    both = labeled("part", many) & labeled("object", many)
    expected = LABELED_SHARES["part"] * LABELED_SHARES["object"]
    assert both.mean() == pytest.approx(expected, abs=0.012)


def test_coverage_is_from_two_in_ten_thousand_to_a_quarter():
    found = coverage(np.arange(2000, 2600), SIZE)
    shares = np.array(
        [share for category in PIXEL_CATEGORIES for share in found[category].values()]
    )
    assert 0.0001 < shares.min() < 0.0003
    assert 0.2 < shares.max() <= 0.25
    assert (np.abs(shares - 0.005) < 0.0015).sum() >= 5
    assert sum(found["scene"].values()) == pytest.approx(1)


def test_image_labels_say_what_occurs(masks):
    found = image_labels(masks["object"], "object")
    assert found.shape == (len(MANY), len(CONCEPTS["object"]))
    for name in ("house", "star"):
        column = number("object", name)
        there = (masks["object"] == column).any(axis=(1, 2))
        np.testing.assert_array_equal(found[:, column - 1], there)


def test_prepared_images_are_those_drawn(storage):
    config = DataConfig(name="concepts", num_drawn=90, image_size=40, seed=2, free_factors=4)
    data = prepare_data(config, storage)
    assert (data.format, data.image_shape) == ("tensor", (3, 40, 40))
    assert (data.latent_dimension, data.class_names) == (4, CLASS_NAMES)
    ids = np.concatenate([data.split(split).ids for split in ("train", "test")])
    assert sorted(ids) == list(range(90))
    for split in ("train", "test"):
        part = data.split(split)
        np.testing.assert_array_equal(part.images, draw_images(2, part.ids, 40, free=4))
        np.testing.assert_array_equal(part.labels, draw_classes(2, part.ids))


def test_large_images_are_kept_as_files(storage):
    data = prepare_data(DataConfig(name="concepts", num_drawn=40, image_size=70), storage)
    assert data.format == "encoded"
    part = data.split("test")
    drawn = draw_images(0, part.ids, 70)
    for stored, image in zip(part.stored(slice(None)), drawn, strict=True):
        np.testing.assert_array_equal(decode(stored), image)


def test_digest_and_manifest_tell_what_was_drawn(storage):
    settings = ({}, {"image_size": 33}, {"seed": 1}, {"free_factors": 3}, {"num_drawn": 45})
    sets = [
        prepare_data(DataConfig(**{"name": "concepts", "num_drawn": 36} | changed), storage)
        for changed in settings
    ]
    assert len({data.digest for data in sets}) == len(sets)


def test_more_images_keep_those_that_were_there():
    few, many = (
        open_source(DataConfig(name="concepts", num_drawn=num)).splits["all"] for num in (30, 50)
    )
    np.testing.assert_array_equal(few.labels, many.labels[:30])
    rows = np.array([3, 29])
    for first, second in zip(few.images(rows), many.images(rows), strict=True):
        np.testing.assert_array_equal(first, second)
    assert few.place(3) == "concepts of seed 0, image 3"


def test_the_usual_may_be_named():
    usual = DataConfig(name="concepts")
    assert (usual.num_drawn, usual.image_size, usual.free_factors) == (4000, 32, NUM_CONTINUOUS)
    named = DataConfig(name="concepts", num_drawn=4000, image_size=32, free_factors=NUM_CONTINUOUS)
    assert named == usual
    assert DataConfig().num_drawn is None


@pytest.mark.parametrize(
    ("data", "setting", "problem"),
    [
        (
            "digits",
            "num_drawn=100",
            "data.num_drawn=100: digits isn't drawn: leave it out, or take",
        ),
        ("digits", "image_size=64", "data.image_size=64: digits isn't drawn"),
        ("digits", "free_factors=2", "data.free_factors=2: digits isn't drawn"),
        ("concepts", "image_size=31", "data.image_size"),
        ("concepts", "image_size=225", "data.image_size"),
        ("concepts", "num_drawn=0", "data.num_drawn"),
        ("concepts", "num_drawn=20", "leaves"),
        ("concepts", "free_factors=0", "data.free_factors"),
        ("concepts", "free_factors=99", f"there are {NUM_CONTINUOUS} continuous factors"),
        ("concepts", "path=there", "concepts is embedded: leave the path out"),
        ("concepts", "num_drawn=true", "data.num_drawn"),
    ],
)
def test_mistakes_are_one_line(data, setting, problem, tmp_path, capsys):
    arguments = ("prepare", "--data", data, "--set", f"data.{setting}", "--storage", tmp_path / "s")
    code, _, errors = call(capsys, *arguments)
    assert code == 2
    assert problem in errors
    assert len(errors.splitlines()) == 1


def test_prepare_says_the_latent_dimension(tmp_path, capsys):
    arguments = ("prepare", "--data", "concepts", "--storage", tmp_path / "s")
    code, output, _ = call(capsys, *arguments, "--set", "data.num_drawn=40")
    assert code == 0
    assert "concepts: 32 x 32 color, kept as pixels, 9 classes" in output
    assert f"latent dimension: {NUM_CONTINUOUS} continuous factors" in output


@pytest.mark.parametrize("free", [1, 2, 3])
def test_the_dimension_measured_is_near_the_one_set(free):
    """Within a third: nine curved sheets, one a class, of a hundred images each."""
    images = draw_images(0, np.arange(900), 32, free).reshape(900, -1).astype(np.float32)
    found = TwoNN().estimate(nearest_neighbors(images, 2)).dimension
    assert 0.9 * free < found < 4 / 3 * free
