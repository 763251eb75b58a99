"""Published numbers beside a sweep's own: matched by network, variant and layer."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sweep.config import SweepConfig, TrialConfig
from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.published import published_names, read_published
from sweep.published.compare import compare_published, network_key, variant_key
from sweep.report.published_figures import published_figures
from sweep.results import SweepResults, TrialResult
from sweep.space import Trial
from sweep.sweepfile import parse_sweep

HUNCHBACKS = "subsample_id/twonn_linear@classes"


@pytest.mark.parametrize("name", published_names())
def test_every_table_has_its_source_and_plausible_numbers(name):
    table = read_published(name)
    assert "arXiv:" in table.source
    assert "Figure" in table.source
    assert "digitised" in table.conventions
    assert table.values
    for value in table.values:
        assert 1 < value.value < 150
        assert value.variant in table.epochs
        if table.response is None:
            assert 0 <= value.relative_depth <= 1
        else:
            assert 0 < value.response < 1


def test_the_numbers_are_those_of_the_figures():
    hunch = read_published("ansuini2019_hunchbacks")
    assert len({value.network for value in hunch.values}) == 10
    vgg16 = [value.value for value in hunch.values if value.network == "vgg16"]
    assert (vgg16[0], max(vgg16), vgg16[-1]) == (31.7, 119.5, 15.7)
    last = {v.network: v for v in read_published("ansuini2019_last_hidden").values}
    assert len(last) == 14
    assert (last["resnet152"].value, last["resnet152"].response) == (12.438, 0.0594)
    mnist = read_published("ansuini2019_mnist")
    assert {value.variant for value in mnist.values} == {"original", "shuffled", "gradient"}


def test_an_unknown_table_is_one_line():
    with pytest.raises(UserError, match="did you mean 'ansuini2019_mnist'"):
        parse_sweep("name: a\npublished: ansuini2019_minst\n", "a.yaml")


def trial(name, **training):
    model = {"name": name}
    config = TrialConfig.model_validate({"model": model, "training": {"epochs": 0, **training}})
    return Trial(f"{name}-{len(training)}", "trained", config)


def results_of(published, trials, data="imagenet", num_classes=1000):
    """trials: (Trial, {(layer, index, depth): {quantity: (value, count)}})."""
    found = []
    for one, layers in trials:
        rows = [
            Measurement(
                one.key, 0.0, "subsamples", quantity, value, layer=layer, layer_index=index,
                relative_depth=depth, low=value - 1, high=value + 1, num_samples=count,
            )
            for (layer, index, depth), values in layers.items()
            for quantity, (value, count) in values.items()
        ]  # fmt: skip
        final = max(index for _, index, _ in layers)
        rows.append(Measurement(one.key, 0.0, "network", "last_hidden", final, layer_index=final))
        rows.append(Measurement(one.key, 0.0, "accuracy", "test_top5_error", 0.1))
        found.append(TrialResult(one, rows, []))
    config = SweepConfig.model_validate({"name": "s", "published": published})
    data = SimpleNamespace(name=data, num_classes=num_classes)
    work = SimpleNamespace(config=config, data=data)
    return SweepResults(work, "", [one for one, _ in trials], found)


def weighted(one, weights="IMAGENET1K_V1"):
    model = one.config.model.model_copy(update={"weights": weights})
    return replace(one, config=one.config.model_copy(update={"model": model}))


def test_same_network_same_depth_and_what_agrees_is_comparable():
    layers = {
        ("input", 0, 0.0): {HUNCHBACKS: (30.0, 450)},
        ("features.4", 1, 2 / 17): {HUNCHBACKS: (80.0, 450)},
        ("other", 2, 0.5): {HUNCHBACKS: (70.0, 450)},
    }
    vgg, own = weighted(trial("torchvision/vgg16")), trial("mlp")
    found = compare_published(results_of("ansuini2019_hunchbacks", [(vgg, layers), (own, layers)]))
    assert [(pair.model, pair.layer, pair.published.value) for pair in found.pairs] == [
        ("torchvision/vgg16", "input", 31.7),
        ("torchvision/vgg16", "features.4", 78.2),
    ]
    assert found.pairs[1].difference == pytest.approx(1.8)
    assert found.comparable
    assert "alexnet" in found.missing
    assert "vgg16" not in found.missing
    (figure,) = published_figures(found)
    assert [trace["name"] for trace in figure["data"]] == ["here", "published"]
    assert figure["data"][1]["line"]["dash"] == "dash"


def test_what_differs_is_told_with_both_conventions():
    layers = {("input", 0, 0.0): {"id/twonn_linear": (30.0, 1000)}}
    found = compare_published(
        results_of("ansuini2019_hunchbacks", [(trial("torchvision/vgg16"), layers)], "photos", 7)
    )
    assert not found.comparable
    assert set(found.differing) == {
        ("quantity", HUNCHBACKS, "id/twonn_linear"),
        ("images of each estimate", "450", "1000"),
        ("data", "imagenet", "photos"),
        ("classes", "1000", "7"),
        ("weights", "IMAGENET1K_V1", "none"),
    }


def test_a_scatter_has_published_points_beside_ours():
    quantity = "subsample_id/twonn_linear"
    layers = {("input", 0, 0.0): {quantity: (9.0, 1800)}, ("drop", 1, 0.9): {quantity: (20, 1800)}}
    found = compare_published(
        results_of("ansuini2019_last_hidden", [(weighted(trial("torchvision/alexnet")), layers)])
    )
    (pair,) = found.pairs
    assert (pair.layer, pair.value, pair.response) == ("drop", 20, 0.1)
    assert (pair.published.value, pair.published.response) == (25.191, 0.2091)
    (figure,) = published_figures(found)
    assert [trace["x"] for trace in figure["data"]] == [[20.0], [25.191]]


def test_variants_of_mnist_stand_beside_theirs_layer_by_layer():
    quantity = "subsample_id/twonn_linear"
    layers = {
        ("conv1", 1, 0.25): {quantity: (12.0, 1800)},
        ("pool1", 2, 0.25): {quantity: (11.0, 1800)},
        ("hidden", 3, 0.75): {quantity: (8.0, 1800)},
    }
    trials = [
        (trial("mnistnet", epochs=200), layers),
        (trial("mnistnet", epochs=200, seed=1), layers),
        (trial("mnistnet", epochs=500, label_noise=1), layers),
        (trial("mnistnet", epochs=500, label_noise=0.5), layers),
    ]
    found = compare_published(results_of("ansuini2019_mnist", trials, "mnist", 10))
    told = [(p.published.variant, p.published.layer, p.layer, p.num_trials) for p in found.pairs]
    assert told == [
        ("original", "conv1", "conv1", 2),
        ("original", "pool1", "pool1", 2),
        ("original", "fc1", "hidden", 2),
        ("shuffled", "conv1", "conv1", 1),
        ("shuffled", "pool1", "pool1", 1),
        ("shuffled", "fc1", "hidden", 1),
    ]
    assert found.comparable
    assert found.missing == ("gradient",)
    short = results_of("ansuini2019_mnist", [(trial("cnn", epochs=5), layers)], "mnist", 10)
    differing = {what: (published, here) for what, published, here in
                 compare_published(short).differing}  # fmt: skip
    assert differing["epochs (original)"] == ("200", "5")
    assert differing["network"][1] == "cnn"


def test_names_of_networks_and_variants():
    assert network_key("timm/vgg16.tv_in1k") == network_key("torchvision/vgg16") == "vgg16"
    assert network_key("cnn") == "cnn"
    assert variant_key(trial("cnn", label_noise=0.5)) == ""
    assert variant_key(trial("cnn", luminance_gradient=300.0)) == "gradient"
    assert variant_key(replace(trial("cnn"), role="untrained")) == "untrained"
