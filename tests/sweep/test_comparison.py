"""Differences between groups of networks: laws, references, and how often they err."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind, ttest_rel
from scipy.stats import t as student

from sweep.comparison import compare_read, parse_name
from sweep.comparison.groups import Group, label_sides
from sweep.comparison.networks import Curve, Network
from sweep.comparison.places import find_places
from sweep.comparison.simultaneous import Contrast, find_differences, paired, unpaired
from sweep.errors import UserError
from sweep.space import make_trials
from sweep.sweepfile import parse_sweep
from tests.sweep.synthetic import Shape, synthetic_rows

FILE = """
name: made
training: {epochs: 10}
space:
  - model.name: {grid: [cnn, mlp]}
    model.width: {grid: [8, 16, 32]}
    model.depth: {grid: [1, 2]}
    training.label_noise: {grid: [0, 1]}
    training.seed: {grid: [0, 1]}
"""
SHAPE = Shape(layers=7)
SEVEN = np.linspace(0, 1, 7)


def find(*contrasts, draws=2000):
    return find_differences(contrasts, np.random.default_rng(0), draws)


def units(rng, count, places=8, spread=1.0, shared=0.5):
    """Units whose places are correlated, as those of profiles are."""
    return spread * (
        np.sqrt(1 - shared) * rng.standard_normal((count, places))
        + np.sqrt(shared) * rng.standard_normal((count, 1))
    )


@pytest.fixture(scope="module")
def trials():
    return make_trials(parse_sweep(FILE, "made").config, "digest")


def group(trials, label, shape=SHAPE, change=None, **wanted):
    """The networks that have these settings, with made-up rows; change: of their rows."""
    networks = []
    for trial in trials:
        settings = {
            "role": trial.role,
            "name": trial.config.model.name,
            "width": trial.config.model.width,
            "depth": trial.config.model.depth,
            "noise": trial.config.training.label_noise,
            "seed": trial.config.training.seed,
        }
        if all(settings[key] == value for key, value in {"role": "trained", **wanted}.items()):
            rows = synthetic_rows(trial, shape)
            networks.append(Network(trial, [change(row) for row in rows] if change else rows))
    return Group(parse_name(f"made/{label}"), label, tuple(networks))


class TestReferences:
    none = np.zeros(1)

    def test_one_place_of_two_groups_is_welch(self):
        rng = np.random.default_rng(1)
        a, b = rng.normal(0, 1, (5, 1)), rng.normal(2, 3, (9, 1))
        (found,) = find(unpaired(a, b, self.none))
        theirs = ttest_ind(a[:, 0], b[:, 0], equal_var=False).confidence_interval(0.95)
        assert (found.low[0], found.high[0]) == pytest.approx(tuple(theirs), rel=1e-9)
        assert (found.each_low[0], found.each_high[0]) == pytest.approx(tuple(theirs), rel=1e-9)

    def test_one_place_of_pairs_is_student(self):
        rng = np.random.default_rng(2)
        a, b = rng.normal(0, 1, (6, 1)), rng.normal(2, 1, (6, 1))
        (found,) = find(paired(a, b, self.none))
        theirs = ttest_rel(a[:, 0], b[:, 0]).confidence_interval(0.95)
        assert (found.low[0], found.high[0]) == pytest.approx(tuple(theirs), rel=1e-9)

    def test_one_network_against_a_group_is_a_prediction(self):
        rng = np.random.default_rng(3)
        one, group = np.array([[9.0]]), rng.normal(2, 1, (7, 1))
        (found,) = find(unpaired(one, group, self.none))
        reach = student.ppf(0.975, 6) * group.std(ddof=1) * np.sqrt(1 + 1 / 7)
        assert found.high[0] - found.value[0] == pytest.approx(reach, rel=1e-9)

    def test_places_that_are_independent_are_corrected_as_sidak_has_it(self):
        known = np.full(10, 4.0)
        (found,) = find(Contrast(np.zeros(10), (), known), draws=200_000)
        expected = 2.0 * norm.isf((1 - 0.95 ** (1 / 10)) / 2)
        assert found.high == pytest.approx(np.full(10, expected), rel=0.01)

    def test_places_that_are_one_need_no_correction_where_units_are_many(self):
        rng = np.random.default_rng(4)
        same = np.repeat(rng.standard_normal((400, 1)), 10, axis=1)
        (found,) = find(paired(same, np.zeros_like(same), np.zeros(10)))
        ratio = (found.high - found.low) / (found.each_high - found.each_low)
        assert ratio.max() < 1.15


class TestLaws:
    def test_itself_is_no_difference(self):
        a = units(np.random.default_rng(5), 6)
        for contrast in (paired(a, a, np.zeros(8)), unpaired(a, a, np.zeros(8))):
            (found,) = find(contrast)
            assert not found.value.any()
            assert not ((found.low > 0) | (found.high < 0)).any()

    @pytest.mark.parametrize("sizes", [(4, 7), (5, 5), (1, 6), (1, 1)])
    def test_the_other_way_round_is_the_negative(self, sizes):
        rng = np.random.default_rng(6)
        a, b = units(rng, sizes[0]) + 1, units(rng, sizes[1], spread=2)
        known = np.full(8, 0.1)
        (there,), (back,) = find(unpaired(a, b, known)), find(unpaired(b, a, known))
        assert there.value == pytest.approx(-back.value)
        assert there.low == pytest.approx(-back.high)
        assert there.p_value == pytest.approx(back.p_value)

    def test_the_order_of_units_makes_no_difference(self):
        rng = np.random.default_rng(7)
        a, b = units(rng, 8) + 1, units(rng, 8)
        order = rng.permutation(8)
        (one,), (other,) = (
            find(paired(a, b, np.zeros(8))),
            find(paired(a[order], b[order], np.zeros(8))),
        )
        assert one.low == pytest.approx(other.low)

    def test_the_unit_of_measurement_makes_no_difference(self):
        rng = np.random.default_rng(8)
        a, b = units(rng, 6) + 1, units(rng, 6)
        (one,) = find(unpaired(a, b, np.zeros(8)))
        (scaled,) = find(unpaired(1000 * a + 7, 1000 * b + 7, np.zeros(8)))
        assert scaled.low == pytest.approx(1000 * one.low)
        assert scaled.p_value == pytest.approx(one.p_value)

    def test_interval_and_corrected_p_say_the_same(self):
        rng = np.random.default_rng(9)
        for shift in (0.0, 0.5, 1.0, 1.5, 2.0):
            (found,) = find(unpaired(units(rng, 6) + shift, units(rng, 6), np.zeros(8)))
            outside = (found.low > 0) | (found.high < 0)
            assert (outside == (found.p_value <= 0.05)).all()

    def test_pairs_are_sharper_where_configurations_differ(self):
        rng = np.random.default_rng(10)
        common = units(rng, 8, spread=5)
        a, b = common + units(rng, 8, spread=0.3) + 1, common + units(rng, 8, spread=0.3)
        (sharp,), (blunt,) = find(paired(a, b, np.zeros(8))), find(unpaired(a, b, np.zeros(8)))
        assert ((sharp.high - sharp.low) < 0.5 * (blunt.high - blunt.low)).all()

    def test_more_pairs_of_groups_are_corrected_for(self):
        rng = np.random.default_rng(11)
        contrasts = [unpaired(units(rng, 6), units(rng, 6), np.zeros(8)) for _ in range(5)]
        (alone,), together = find(contrasts[0]), find(*contrasts)
        assert (together[0].high > alone.high).all()

    def test_what_varies_nowhere_has_no_interval_and_asks_for_no_correction(self):
        rng = np.random.default_rng(12)
        a, b = units(rng, 6), units(rng, 6)
        fixed = np.concatenate([a, np.full((6, 30), 4.2)], axis=1)
        other = np.concatenate([b, np.full((6, 30), 4.2)], axis=1)
        (plain,), (found,) = (
            find(unpaired(a, b, np.zeros(8))),
            find(unpaired(fixed, other, np.zeros(38))),
        )
        assert np.isnan(found.low[8:]).all()
        assert found.low[:8] == pytest.approx(plain.low)


@pytest.mark.parametrize(
    ("sizes", "spreads", "is_paired"),
    [((3, 3), (1, 1), False), ((4, 10), (1, 3), False), ((3, 3), (1, 2), True),
     ((6, 6), (1, 1), True), ((1, 5), (1, 1), False)],
)  # fmt: skip
@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_intervals_hold_the_truth_everywhere_in_95_of_100(sizes, spreads, is_paired, shared):
    """And so, the truth being zero, one comparison in twenty at most finds what isn't there."""
    rng = np.random.default_rng(13)
    truth = np.linspace(-2, 2, 8)
    contrast = paired if is_paired else unpaired
    held, single, repeats = 0, 0, 400
    for _ in range(repeats):
        first = truth + units(rng, sizes[0], spread=spreads[0], shared=shared)
        second = units(rng, sizes[1], spread=spreads[1], shared=shared)
        (found,) = find_differences([contrast(first, second, np.zeros(8))], rng, 200)
        held += bool(((found.low <= truth) & (truth <= found.high)).all())
        single += int(((found.each_low <= truth) & (truth <= found.each_high)).sum())
    # Three standard errors below 95%: of 400 comparisons 3.3%, of 3,200 places that hang
    # together at most as much.
    assert held / repeats > 0.917
    assert 0.917 < single / (8 * repeats) < 0.985


class TestPlaces:
    def curve(self, depth, value=lambda depth: 3 + 2 * depth):
        depth = np.asarray(depth, float)
        names = tuple(f"layer{number}of{len(depth)}" for number in range(len(depth)))
        return Curve(names, depth, value(depth), np.full(len(depth), 0.1))

    def test_the_same_layers_are_compared_one_by_one(self):
        places = find_places("id", [self.curve(SEVEN), self.curve(SEVEN)])
        assert places.kind == "layers"
        assert places.names[0] == "layer0of7"

    def test_a_straight_profile_is_the_same_whatever_the_layers(self):
        curves = [self.curve(SEVEN), self.curve(np.linspace(0, 1, 12) ** 2)]
        places = find_places("id", curves)
        value, error = places.read(curves)
        assert places.kind == "depths"
        assert value == pytest.approx(np.tile(3 + 2 * places.depth, (2, 1)))
        assert error == pytest.approx(np.full_like(value, 0.1))

    def test_nothing_is_said_beyond_what_was_measured(self):
        places = find_places("id", [self.curve([0.2, 0.5, 1]), self.curve([0, 0.5, 0.8, 0.81])])
        assert (places.depth[0], places.depth[-1]) == (pytest.approx(0.2), pytest.approx(0.8))
        with pytest.raises(UserError, match="no depth in common"):
            find_places("id", [self.curve([0, 0.3]), self.curve([0.5, 1])])


class TestGroups:
    def test_configurations_are_paired_and_the_difference_is_found(self, trials):
        cnn, mlp = (group(trials, name, name=name, noise=0) for name in ("cnn", "mlp"))
        found = compare_read([cnn, mlp])
        (pair,) = found.profiles[0].pairs
        assert pair.noise == ("paired over 6 configurations of equal width, depth, seeds averaged")
        assert found.profiles[0].sentences[0].startswith("id/twonn: cnn is below mlp from layer")
        assert found.warnings == ()
        assert [side["configurations"] for side in found.sides] == [6, 6]
        peak = next(one for one in found.scalar_pairs[0].differences if "id_peak/" in one.name)
        # By the formula a family more is a height of one more, at its peak times about 0.75.
        assert peak.low < -0.75 * 2 < peak.high

    def test_sides_that_differ_in_configurations_are_not_paired(self, trials):
        wide = group(trials, "wide", width=32, noise=0)
        found = compare_read([wide, group(trials, "all", noise=0)])
        assert found.scalar_pairs[0].noise.startswith("between 4 configurations")
        assert "4 networks" not in found.title
        assert any("8 networks stand in wide and in all" in line for line in found.warnings)

    def test_trained_and_untrained_twins_are_paired(self, trials):
        sides = [
            group(trials, "trained", noise=0),
            group(trials, "untrained", role="untrained"),
        ]
        (pair,) = compare_read(sides).scalar_pairs
        assert pair.noise.startswith("paired over 12 configurations of equal model, width, depth")

    def test_order_of_networks_makes_no_difference(self, trials):
        cnn, mlp = (group(trials, name, name=name) for name in ("cnn", "mlp"))
        turned = Group(mlp.named, mlp.label, mlp.networks[::-1])
        one, other = (compare_read([cnn, side]).profiles[0].pairs[0] for side in (mlp, turned))
        assert [d.low for d in one.differences] == pytest.approx([d.low for d in other.differences])

    def test_networks_of_different_depth_meet_at_relative_depths(self, trials):
        sides = [
            group(trials, "seven", noise=0),
            group(trials, "twenty", Shape(layers=20), noise=0, seed=0),
        ]
        profile = compare_read(sides).profiles[0]
        assert profile.kind == "depths"
        assert len(profile.names) == 21

    def test_seeds_of_different_models_are_not_paired(self, trials):
        def side(label, **wanted):
            return group(trials, label, width=8, depth=1, **wanted)

        models = compare_read([side("cnn", name="cnn", noise=0), side("mlp", name="mlp", noise=0)])
        assert models.scalar_pairs[0].noise == "between 2 seeds and 2 seeds"
        noise = compare_read([side("0", name="cnn", noise=0), side("1", name="cnn", noise=1)])
        assert noise.scalar_pairs[0].noise == "paired over 2 seeds"

    def test_two_seeds_are_too_few(self, trials):
        sides = [
            group(trials, label, name="cnn", width=8, depth=1, noise=noise)
            for label, noise in (("as it is", 0), ("noise", 1))
        ]
        found = compare_read(sides)
        verdicts = {one.verdict for one in found.profiles[0].pairs[0].differences}
        assert "not beyond noise" not in verdicts
        assert "too few to tell" in verdicts

    def test_one_network_each_is_judged_by_the_measurement_or_not_at_all(self, trials):
        sides = [
            group(trials, f"s{seed}", name="cnn", width=8, depth=1, noise=0, seed=seed)
            for seed in (0, 1)
        ]
        found = compare_read(sides, quantities=["id/twonn", "pc_id"])
        assert "know nothing of what another seed would give" in found.profiles[0].pairs[0].noise
        assert np.isfinite([one.low for one in found.profiles[0].pairs[0].differences]).all()
        assert "no noise is known" in found.profiles[1].sentences[0]
        assert {d.verdict for d in found.profiles[1].pairs[0].differences} == {"no noise known"}

    def test_all_pairs_are_corrected_for(self, trials):
        sides = [group(trials, f"w{width}", width=width, noise=0) for width in (8, 16, 32)]
        first, each = compare_read(sides), compare_read(sides, all_pairs=True)
        assert [len(found.scalar_pairs) for found in (first, each)] == [2, 3]
        assert "3 pairs" in each.correction

    def test_other_images_are_told_with_both_values(self, trials):
        def measured(count, data):
            def change(row):
                settings = {**row.settings, "data": data, "data_digest": f"of-{data}"}
                settings["samples_digest"] = f"{data}{count}"
                return replace(row, num_samples=count, settings=settings)

            return change

        sides = [
            group(trials, "few", change=measured(500, "digits"), noise=0),
            group(trials, "many", change=measured(1000, "mnist"), noise=1),
        ]
        found = compare_read(sides)
        data, count = found.warnings
        assert "digits (digest of-digits) against mnist (digest of-mnist)" in data
        assert "500 against 1000" in count
        other = group(trials, "other", noise=1, change=measured(500, "digits"))
        assert compare_read([sides[0], other]).warnings == ()
        # The images' own error does not average out over networks.
        widths = [
            np.mean([d.high - d.low for d in one.profiles[0].pairs[0].differences])
            for one in (
                compare_read([group(trials, "a", noise=0), group(trials, "b", noise=1)]),
                compare_read(
                    [
                        group(trials, "a", noise=0, change=measured(500, "digits")),
                        group(trials, "b", noise=1, change=measured(500, "mnist")),
                    ]
                ),
            )
        ]
        assert widths[1] > widths[0]

    def test_another_convention_is_told(self, trials):
        def with_trim(trim):
            return lambda row: replace(row, settings={**row.settings, "trim": trim})

        found = compare_read(
            [
                group(trials, "a", noise=0, change=with_trim(0.1)),
                group(trials, "b", noise=1, change=with_trim(0.2)),
            ]
        )
        assert found.warnings == ("a and b were measured with another trim: 0.1 against 0.2",)


@pytest.mark.parametrize(
    ("text", "sweep", "what", "epoch", "conditions"),
    [
        ("digits", "digits", None, None, []),
        ("digits/cnn-w16-d2-s0@5", "digits", "cnn-w16-d2-s0", 5.0, []),
        ("digits@0.25", "digits", None, 0.25, []),
        ("zoo/torchvision/resnet50", "zoo", "torchvision/resnet50", None, []),
        ("zoo/mynets:tiny", "zoo", "mynets:tiny", None, []),
        (
            "digits/cnn?model.width=16&training.label_noise=0", "digits", "cnn", None,
            [("model.width", "=", 16), ("training.label_noise", "=", 0)],
        ),
        ("digits,width>=16,role=untrained", "digits", None, None,
         [("width", ">=", 16), ("role", "=", "untrained")]),
    ],
)  # fmt: skip
def test_names(text, sweep, what, epoch, conditions):
    named = parse_name(text)
    assert (named.sweep, named.what, named.epoch, named.storage) == (sweep, what, epoch, None)
    assert [(one.key, one.relation, one.value) for one in named.conditions] == conditions


def test_labels_leave_out_what_sides_share():
    def labels(*names):
        return label_sides([parse_name(name) for name in names])

    assert labels("digits/cnn", "digits/mlp") == ["cnn", "mlp"]
    assert labels("digits,noise=0,width=8", "digits,noise=1,width=8") == ["noise=0", "noise=1"]
    assert labels("digits", "controls") == ["digits", "controls"]
    assert labels("digits/cnn", "controls/cnn") == ["digits/cnn", "controls/cnn"]
    assert labels("digits", "digits,role=untrained") == ["digits", "digits/untrained"]
