"""Dissection against a brute force over every pixel, on planted units, and in any grouping."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from estimators.anchoring import Anchors, Upsampling
from estimators.dissection import NONE, dissect
from estimators.overlaps import Concepts, Coverage, Overlaps
from estimators.rotations import Turn, random_rotation
from estimators.top_values import TopValues, values_needed

CONCEPTS = Concepts(np.array([0, 0, 0, 1, 1, 2]), 3)  # pixels, pixels, whole images
SIZE = 16


def probe(num_images=12, seed=0, size=SIZE):
    """Labels by category; of every third image none in the first category."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, (num_images, 1, size * size))
    first[::3] = 0
    second = rng.integers(3, 6, (num_images, 2, size * size))
    second[second == 3] = 0
    second[:, 1][second[:, 1] == second[:, 0]] = 0  # a pixel has a label once
    whole = np.where(rng.random((num_images, 1, 1)) < 0.5, 6, 0)
    return [first.astype(np.uint16), second.astype(np.uint16), whole.astype(np.uint16)]


def units(num_images=12, seed=1, num_units=7, shape=(5, 6)):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((num_images, num_units, *shape)).astype(np.float32)
    maps[:, 1] = np.maximum(maps[:, 1], 0)  # ReLU
    maps[:, 2] = 0  # dead
    maps[:, 3] = maps[:, 3] > 1  # binary
    maps[:, 4] = np.minimum(np.maximum(3 * maps[:, 4], 0), 1)  # saturated, as by ReLU6
    maps[0, 5, 2, 2] = np.nan
    return torch.from_numpy(maps)


def upsampling(shape=(5, 6), size=SIZE):
    return Upsampling(Anchors(1.0, 3.0), Anchors(0.5, 2.5), shape, (size, size), (size, size))


def run(maps, labels, share=0.05, batches=None, split=None):
    """Both passes, over batches given by their rows; with `split`, in two parts that merge."""
    batches = [np.arange(len(maps))] if batches is None else batches
    count = values_needed(len(maps) * maps[0, 0].numel(), share)
    parts = [batches] if split is None else [batches[:split], batches[split:]]
    tables = [TopValues(maps.shape[1], count) for _ in parts]
    for table, part in zip(tables, parts, strict=True):
        for rows in part:
            table.update(maps[rows].flatten(2))
    for other in tables[1:]:
        tables[0].merge(other)
    thresholds = tables[0].compute(share)
    overlaps = [Overlaps(thresholds, CONCEPTS) for _ in parts]
    coverages = [Coverage(CONCEPTS) for _ in parts]
    bring = upsampling(tuple(maps.shape[2:]))
    for counted, covered, part in zip(overlaps, coverages, parts, strict=True):
        for rows in part:
            here = [category[rows] for category in labels]
            counted.update(maps[rows], [here], bring)
            covered.update(here, SIZE * SIZE)
    for other, covered in zip(overlaps[1:], coverages[1:], strict=True):
        overlaps[0].merge(other)
        coverages[0].merge(covered)
    return thresholds, overlaps[0], coverages[0]


def brute_force(maps, labels, share):
    """Pixel by pixel and unit by unit: the counts as they are defined."""
    num_units, positions = maps.shape[1], maps[:, 0].numel()
    high = upsampling(tuple(maps.shape[2:]))
    intersection = np.zeros((num_units, CONCEPTS.count), int)
    area = np.zeros((num_units, CONCEPTS.num_categories), int)
    truth = np.zeros(CONCEPTS.count, int)
    for unit in range(num_units):
        values = np.sort(maps[:, unit].numpy().ravel())
        if not np.isfinite(values).all() or values[0] == values[-1]:
            continue
        level = values[positions - int(share * positions) - 1]
        for image in range(len(maps)):
            pixels = high(maps[image, unit][None])[0].numpy().ravel()
            active = pixels >= level if level == values[-1] else pixels > level
            for category, found in enumerate(labels):
                if not found[image].any():
                    continue
                area[unit, category] += active.sum()
                for layer in found[image]:
                    shown = np.broadcast_to(layer, active.shape)
                    for concept in range(CONCEPTS.count):
                        intersection[unit, concept] += (active & (shown == concept + 1)).sum()
    for found in labels:
        for concept in range(CONCEPTS.count):
            truth[concept] += (found == concept + 1).sum() * (SIZE * SIZE // found.shape[2])
    return intersection, area, truth


@pytest.mark.parametrize("share", [0.005, 0.05, 0.2])
def test_counts_are_those_of_a_brute_force(share):
    maps, labels = units(), probe()
    _, counted, covered = run(maps, labels, share)
    intersection, area, truth = brute_force(maps, labels, share)
    assert (counted.intersection[0] == intersection).all()
    assert (counted.area[0] == area).all()
    assert (covered.truth == truth).all()
    assert intersection.any()


@given(st.permutations(range(12)), st.lists(st.integers(1, 11), max_size=5, unique=True))
def test_counts_depend_on_no_order_no_batch_and_no_merge(order, cuts):
    maps, labels = units(), probe()
    whole, counted, covered = run(maps, labels)
    batches = np.split(np.array(order), sorted(cuts))
    for split in (None, len(batches) // 2):
        if split == 0:
            continue
        thresholds, again, coverage = run(maps, labels, batches=batches, split=split)
        np.testing.assert_array_equal(thresholds.level, whole.level)
        assert (again.intersection == counted.intersection).all()
        assert (again.area == counted.area).all()
        assert (again.tied == counted.tied).all()
        assert (coverage.truth == covered.truth).all()


@given(st.integers(0, 10**6), st.floats(0.001, 0.5))
def test_threshold_has_the_share_strictly_above_it(seed, share):
    values = torch.from_numpy(np.random.default_rng(seed).standard_normal((6, 3, 40)))
    table = TopValues(3, values_needed(240, share))
    for image in values:
        table.update(image[None])
    level = torch.from_numpy(table.compute(share).level)
    above = (values.float() > level[:, None]).sum(dim=(0, 2))
    assert (above == int(share * 240)).all()


def test_units_without_a_threshold_detect_nothing():
    maps, labels = units(), probe()
    thresholds, counted, covered = run(maps, labels)
    assert thresholds.is_usable.tolist() == [True, True, False, True, True, False, True]
    assert thresholds.constant.tolist() == [False, False, True, False, False, False, False]
    found = dissect(thresholds, counted, covered)
    assert found.best[[2, 5]].tolist() == [NONE, NONE]
    assert found.best_iou[[2, 5]].tolist() == [0, 0]
    assert not counted.area[0, [2, 5]].any()


def test_a_saturated_unit_is_active_where_it_is_saturated():
    """Strictly above its largest value is nothing: what equals it counts."""
    maps, labels = units(), probe()
    thresholds, counted, _ = run(maps, labels, share=0.005)
    assert thresholds.inclusive[[3, 4]].all()
    assert not thresholds.inclusive[[0, 6]].any()
    assert counted.above[[3, 4]].tolist() == [0, 0]
    assert (counted.tied[[3, 4]] == (maps[:, 3:5] == 1).sum(dim=(0, 2, 3)).numpy()).all()
    assert (counted.area[0, [3, 4]] > 0).all()


def planted(coverage, num_images=40):
    """A unit that is on just where a concept is, which covers so much of every image."""
    shown = np.zeros((num_images, 1, SIZE * SIZE), np.uint16)
    shown[:, :, : int(coverage * SIZE * SIZE)] = 1
    rng = np.random.default_rng(0)
    noise = rng.random(shown.shape).astype(np.float32)
    maps = torch.from_numpy(shown + noise * 0.5).reshape(num_images, 1, SIZE, SIZE)
    rest = [np.zeros((num_images, 1, 1), np.uint16)] * 2
    return maps, [shown, *rest]


def dissected(maps, labels, share):
    """Maps as large as the masks, with a cell on each pixel."""
    table = TopValues(maps.shape[1], values_needed(len(maps) * 256, share))
    table.update(maps.flatten(2))
    found = table.compute(share)
    counted, covered = Overlaps(found, CONCEPTS), Coverage(CONCEPTS)
    same = Anchors(0.0, 1.0)
    counted.update(maps, [labels], Upsampling(same, same, (16, 16), (16, 16), (16, 16)))
    covered.update(labels, 256)
    return dissect(found, counted, covered)


@pytest.mark.parametrize("coverage", [1 / 256, 4 / 256, 16 / 256, 64 / 256])
def test_a_planted_unit_reaches_its_ceiling(coverage):
    share = 8 / 256
    maps, labels = planted(coverage)
    result = dissected(maps, labels, share)
    ceiling = min(coverage / share, share / coverage)
    assert result.iou[0, 0] == pytest.approx(ceiling, rel=1e-9)
    assert result.ceiling[0, 0] == pytest.approx(ceiling, rel=1e-9)
    assert result.precision[0, 0] == pytest.approx(min(1, coverage / share))
    assert result.recall[0, 0] == pytest.approx(min(1, share / coverage))


def test_half_a_cell_of_shift_lowers_the_score():
    maps, labels = planted(16 / 256)
    low = torch.nn.functional.avg_pool2d(maps, 4)
    scores = []
    for start in (1.5, 3.5):  # where the cells are, and half a cell beside it
        table = TopValues(1, values_needed(40 * 16, 0.25))
        table.update(low.flatten(2))
        found = table.compute(0.25)
        counted, covered = Overlaps(found, CONCEPTS), Coverage(CONCEPTS)
        place = Anchors(start, 4.0)
        counted.update(low, [labels], Upsampling(place, place, (4, 4), (16, 16), (16, 16)))
        covered.update(labels, 256)
        scores.append(dissect(found, counted, covered).iou[0, 0])
    assert scores[1] < scores[0]


def test_half_pixel_anchors_are_those_of_torch():
    maps = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 4, 6)).astype(np.float32))
    rows, columns = Anchors.half_pixel(4, 16), Anchors.half_pixel(6, 24)
    ours = Upsampling(rows, columns, (4, 6), (16, 24), (16, 24))(maps)
    theirs = torch.nn.functional.interpolate(maps[None], (16, 24), mode="bilinear")[0]
    torch.testing.assert_close(ours, theirs)


def test_a_positive_affine_map_of_a_unit_changes_nothing():
    maps, labels = units(), probe()
    _, counted, _ = run(maps, labels)
    scale = torch.tensor([2.0, 0.5, 4.0, 8.0, 0.25, 2.0, 16.0])[:, None, None]
    _, again, _ = run(maps * scale, labels)
    assert (again.intersection == counted.intersection).all()


def test_two_units_on_one_concept_are_two_detectors_and_one_unique():
    maps, labels = planted(8 / 256)
    maps = maps.expand(-1, 2, -1, -1)
    result = dissected(maps, labels, 8 / 256)
    assert result.detectors().sum() == 2
    assert result.unique_detectors() == 1
    assert result.unique_by_category().tolist() == [1, 0, 0]
    assert result.curve(np.array([0.0, 0.5, 1.0])).tolist() == [1, 1, 0]


def test_unique_detectors_by_category_count_a_unit_in_every_category():
    """A unit above the threshold in two categories counts in both, and overall in one."""
    maps, labels = planted(8 / 256)
    labels = [labels[0], np.where(labels[0] > 0, 4, 0).astype(np.uint16), labels[2]]
    result = dissected(maps, labels, 8 / 256)
    assert result.unique_by_category().tolist() == [1, 1, 0]
    assert result.unique_detectors() == 1


# -- mistakes of others: on this case each gives another number than the definition


def mistaken_case():
    """Three images of 4 x 4 pixels, one unit with a cell a pixel, concept 0 of the first category.

    The first image shows the concept in its upper half, the second nothing of the category, the
    third concept 1 in one pixel. The unit is active in a column of each.
    """
    active = np.zeros((3, 4, 4), bool)
    active[:, :, 1] = True
    shown = np.zeros((3, 4, 4), np.uint16)
    shown[0, :2] = 1
    shown[2, 0, 0] = 2
    noise = np.random.default_rng(0).random(active.shape).astype(np.float32) / 2
    maps = torch.from_numpy(active + noise)[:, None]
    return active, shown, maps


def by_definition(active, shown):
    """In images with some label of the category: pixels active or labelled 1, and both."""
    counts = [image.any() for image in shown]
    union = sum((a | (s == 1)).sum() for a, s, c in zip(active, shown, counts, strict=True) if c)
    return sum((a & (s == 1)).sum() for a, s in zip(active, shown, strict=True)) / union


def union_under_the_mask(active, shown):
    """Activity counted only where the category has a label: IoU is inflated."""
    both = (active & (shown == 1)).sum()
    return both / ((active & (shown > 0)) | (shown == 1)).sum()


def counts_carried_over(active, shown):
    """Once a category was labelled, all images to come count for it."""
    seen = np.logical_or.accumulate([image.any() for image in shown])
    union = sum((a | (s == 1)).sum() for a, s, c in zip(active, shown, seen, strict=True) if c)
    return (active & (shown == 1)).sum() / union


def background_as_concept(active, shown):
    """The label 0 taken for a concept: it is the best one of most units."""
    return max(
        (active & (shown == label)).sum() / (active | (shown == label)).sum() for label in (0, 1, 2)
    )


def test_mistakes_of_others_give_other_numbers():
    active, shown, maps = mistaken_case()
    labels = [shown.reshape(3, 1, 16), *[np.zeros((3, 1, 1), np.uint16)] * 2]
    share = 12 / 48
    table = TopValues(1, values_needed(48, share))
    table.update(maps.flatten(2))
    thresholds = table.compute(share)
    counted, covered = Overlaps(thresholds, CONCEPTS), Coverage(CONCEPTS)
    same = Anchors(0.0, 1.0)
    counted.update(maps, [labels], Upsampling(same, same, (4, 4), (4, 4), (4, 4)))
    covered.update(labels, 16)
    found = dissect(thresholds, counted, covered)
    right = by_definition(active, shown)
    assert found.iou[0, 0] == pytest.approx(right)
    assert right == 2 / (8 + 2 + 4)
    for mistake in (union_under_the_mask, counts_carried_over, background_as_concept):
        assert mistake(active, shown) != pytest.approx(found.iou[0, 0], abs=0.01), mistake
    assert CONCEPTS.count == found.iou.shape[1]  # none of them is "no label"


def test_a_threshold_taken_after_upsampling_destroys_units_that_saturate():
    """Bilinear values between saturated cells and others are below them all: none is above."""
    rng = np.random.default_rng(0)
    low = torch.from_numpy(np.minimum(3 * rng.random((10, 1, 6, 6)), 1).astype(np.float32))
    rows = Anchors.half_pixel(6, 24)
    bring = Upsampling(rows, rows, (6, 6), (24, 24), (24, 24))
    high = bring(low[:, 0])
    level = torch.quantile(high, 0.995)
    assert not (high > level).any()
    table = TopValues(1, values_needed(360, 0.005))
    table.update(low.flatten(2))
    thresholds = table.compute(0.005)
    shown = np.ones((10, 1, 576), np.uint16)
    counted = Overlaps(thresholds, CONCEPTS)
    counted.update(low, [[shown, *[np.zeros((10, 1, 1), np.uint16)] * 2]], bring)
    assert thresholds.inclusive[0]
    assert counted.area[0, 0, 0] == (high == 1).sum() > 0


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_powers_of_a_rotation(size):
    rotation = random_rotation(size, np.random.default_rng(size))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(size), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    turn = Turn(rotation)
    np.testing.assert_allclose(turn.power(0), np.eye(size), atol=1e-12)
    np.testing.assert_allclose(turn.power(1), rotation, atol=1e-12)
    half = turn.power(0.5)
    np.testing.assert_allclose(half @ half, rotation, atol=1e-10)
    assert np.linalg.det(half) == pytest.approx(1)


def test_a_rotation_is_drawn_by_haars_measure():
    """Of a uniform rotation, squared entries have mean 1/n and traces have variance 1."""
    drawn = [random_rotation(5, np.random.default_rng(seed)) for seed in range(4000)]
    traces = np.array([np.trace(one) for one in drawn])
    assert abs(traces.mean()) < 4 / np.sqrt(4000)
    assert traces.var() == pytest.approx(1, abs=0.1)
    assert np.mean([one[0, 0] ** 2 for one in drawn]) == pytest.approx(0.2, abs=0.015)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopValues(0, 1), "at least one unit"),
        (lambda: TopValues(2, 1).update(torch.zeros(1, 3, 4)), "expected"),
        (lambda: TopValues(2, 1).compute(0.1), "needed"),
        (lambda: TopValues(2, 1).merge(TopValues(2, 2)), "as many"),
    ],
)
def test_wrong_use_is_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_table_too_short_for_its_positions_is_told():
    table = TopValues(1, 2)
    table.update(torch.arange(100.0).reshape(1, 1, 100))
    assert table.compute(0.01).level.tolist() == [98]
    with pytest.raises(ValueError, match="11 values are needed"):
        table.compute(0.1)


def test_each_unit_may_have_a_share_of_its_own():
    table = TopValues(2, 11)
    table.update(torch.stack([torch.arange(100.0), torch.arange(100.0)])[None])
    assert table.compute(np.array([0.01, 0.1])).level.tolist() == [98, 89]
