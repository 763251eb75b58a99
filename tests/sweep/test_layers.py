"""Which layers a network has, which make its profile, and how deep they lie."""

import json
import warnings

import pytest
import torch
import torchvision
from torch import nn
from typer.testing import CliRunner

from sweep.cli import app
from sweep.config import ModelConfig
from sweep.errors import TrialFailure, UserError
from sweep.models import FAMILIES
from sweep.models.layers import find_layers, layers_of
from sweep.models.selectors import matches_name
from sweep.models.survey import survey
from sweep.models.trace import CONVOLUTIONS, LINEAR, trace_network


class Wrapped(nn.Module):
    """As an ImageNetwork is made: `input` and `network`."""

    def __init__(self, network):
        super().__init__()
        self.input = Scaled()
        self.network = network

    def forward(self, images):
        return self.network(self.input(images))


class Scaled(nn.Module):
    def forward(self, images):
        return images / 255


def on_meta(build, name, **options):
    """Built without numbers, unless numbers are needed to build it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                return build(name, **options).to("meta")
        except (NotImplementedError, RuntimeError):
            return build(name, **options).to("meta")


def torchvision_network(name):
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return on_meta(torchvision.models.get_model, name, **options)


def empty(size, channels=3):
    return torch.empty(5, channels, size, size, device="meta")


def names(layers):
    return [layer.name for layer in layers]


VGG = {
    "vgg11": [2, 5, 10, 15, 20],
    "vgg13": [4, 9, 14, 19, 24],
    "vgg16": [4, 9, 16, 23, 30],
    "vgg19": [4, 9, 18, 27, 36],
    "vgg11_bn": [3, 7, 14, 21, 28],
    "vgg13_bn": [6, 13, 20, 27, 34],
    "vgg16_bn": [6, 13, 23, 33, 43],
    "vgg19_bn": [6, 13, 26, 39, 52],
}
# Ansuini et al., NeurIPS 2019: input, max-pools, linear layers (hidden ones after their ReLU,
# as the in-place ReLU made theirs); input, max-pool, stages, average pool, output.
CHECKPOINTS = {
    "alexnet": [2, 5, 12],
    **VGG,
    **dict.fromkeys(["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_auto_takes_the_published_checkpoints(name):
    pools = CHECKPOINTS[name]
    if pools is None:
        expected = ["maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    else:
        hidden = [2, 5] if name == "alexnet" else [1, 4]
        expected = [f"features.{i}" for i in pools] + [f"classifier.{i}" for i in (*hidden, 6)]
    layers = find_layers(torchvision_network(name), empty(224))
    assert names(layers) == ["input", *expected]
    assert [layer.last_hidden for layer in layers] == [False] * (len(layers) - 2) + [True, False]


# Relative depths of Figure 3 of Ansuini et al. (NeurIPS 2019), read off the figure: max-pool,
# layer1 to layer4, avg-pool, fc. 18 and 50 are the basic and the bottleneck block.
PUBLISHED = {
    "resnet18": [0, 0.053, 0.263, 0.474, 0.684, 0.895, 0.947, 1.0],
    "resnet50": [0, 0.020, 0.196, 0.431, 0.784, 0.961, 0.980, 1.0],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_relative_depth_is_the_published_one(name):
    layers = find_layers(torchvision_network(name), empty(64))
    assert [layer.relative_depth for layer in layers] == pytest.approx(PUBLISHED[name], abs=5e-4)


def enters_classifier(network, heads, size):
    """Whether the layer `last_hidden` is what enters the last linear module of the heads."""
    trace = trace_network(network, empty(size))
    (layer,) = layers_of(network, trace, ["last_hidden"])
    final = [m for head in heads for m in head.modules() if isinstance(m, LINEAR + CONVOLUTIONS)]
    paths = {path for path, module in network.named_modules() if module is final[-1]}
    entering = [call.taken for call in trace.calls if call.module in paths]
    side = "taken" if layer.side == "input" else "given"
    (found,) = [
        getattr(call, side)
        for call in trace.calls
        if (call.module, call.number) == (layer.module, layer.call)
    ]
    return layer.last_hidden and entering[-1].content == found.content


# All 80 take over half a minute: each architecture's smallest here, all in
# benchmarks/layers_of_registries.py.
SMALLEST = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0",
    "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "regnet_x_400mf", "resnet18",
    "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "swin_v2_t", "vgg11", "vit_b_32",
]  # fmt: skip


@pytest.mark.parametrize("name", SMALLEST)
def test_last_hidden_is_what_enters_torchvisions_classifier(name):
    network = torchvision_network(name)
    heads = [
        getattr(network, head)
        for head in ("fc", "classifier", "head", "heads")
        if hasattr(network, head)
    ]
    assert enters_classifier(network, heads, 299 if name == "inception_v3" else 224)


TIMM = [
    "beit_base_patch16_224", "botnet26t_256", "cait_xxs24_224", "coat_tiny",
    "convit_tiny", "convmixer_768_32", "convnext_atto", "cspresnet50",
    "darknet17", "davit_tiny", "deit_tiny_patch16_224", "densenet121", "dla34", "dpn48b",
    "edgenext_xx_small", "efficientformer_l1", "efficientnet_lite0", "eva02_tiny_patch14_224",
    "fastvit_t8", "ghostnet_050", "hrnet_w18_small", "lambda_resnet26t",
    "levit_128s", "mixer_s32_224", "mobilenetv4_conv_small", "mobilevit_xxs", "nfnet_f0",
    "pit_ti_224", "poolformer_s12", "pvt_v2_b0", "regnetx_002", "repvgg_a0", "res2net50_14w_8s",
    "resnetv2_50", "rexnet_100", "selecsls42", "tinynet_e", "tnt_s_legacy_patch16_224",
    "vit_tiny_patch16_224", "volo_d1_224", "vovnet39a", "xcit_nano_12_p16_224",
]  # fmt: skip


@pytest.mark.parametrize("name", TIMM)
def test_last_hidden_is_what_enters_timms_classifier(name):
    import timm

    network = on_meta(timm.create_model, name, num_classes=7)
    found = network.get_classifier()
    heads = list(found) if isinstance(found, tuple | list | nn.ModuleList) else [found]
    assert enters_classifier(network, heads, network.pretrained_cfg["input_size"][-1])


AUTO = {
    "cnn": ["input", "stem", "stage1", "pool1", "stage2", "pool", "head"],
    "resnet": ["input", "stem", "stage1", "pool1", "stage2", "pool", "head"],
    "mlp": ["input", "hidden1", "hidden2", "head"],
    "torchvision/vit_b_16": [
        "input",
        *[f"encoder.layers.encoder_layer_{i}" for i in range(12)],
        "heads.head.input",
        "heads.head",
    ],
    "torchvision/swin_t": [
        "input", "features.1", "features.3", "features.5", "features.7", "avgpool", "head",
    ],
    "torchvision/densenet121": [
        "input", "features.pool0", *[f"features.denseblock{i}" for i in (1, 2, 3, 4)],
        "classifier.input", "classifier",
    ],
    # A stage each, though two in a row have one resolution; of single blocks the last.
    "torchvision/efficientnet_b0": [
        "input", *[f"features.{i}" for i in (1, 2, 3, 4, 5, 6, 8)], "avgpool", "classifier.1",
    ],
    "timm/convnext_atto": [
        "input", "stem", *[f"stages.{i}" for i in range(4)], "head.global_pool",
        "head.fc.input", "head.fc",
    ],
}  # fmt: skip


@pytest.mark.parametrize("model", AUTO)
def test_auto_takes_stage_ends_or_blocks(model):
    found = survey(ModelConfig(name=model))
    assert names(found.layers) == AUTO[model]
    assert sum(layer.last_hidden for layer in found.layers) == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_profiles_run_from_input_to_output(name):
    layers = survey(ModelConfig(name=name)).layers
    depths = [layer.relative_depth for layer in layers]
    assert (depths[0], depths[-1]) == (0, 1)
    assert depths == sorted(depths)
    assert [layer.index for layer in layers] == list(range(len(layers)))
    assert [layer.last_hidden for layer in layers].index(True) == len(layers) - 2


def test_of_very_many_blocks_every_second_is_taken():
    network = nn.Sequential(
        nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(48)]),
        nn.Linear(4, 2),
    )
    expected = ["input", *[f"0.{i}" for i in range(1, 48, 2)], "1"]
    assert names(find_layers(network, torch.zeros(3, 4))) == expected


class TwoBranches(nn.Module):
    """A branch of one convolution beside a branch of three."""

    def __init__(self):
        super().__init__()
        self.short = nn.Conv2d(1, 4, 1)
        self.long = nn.Sequential(*[nn.Conv2d(i, 4, 1) for i in (1, 4, 4)])
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head((self.short(x) + self.long(x)).mean(dim=(2, 3)))


def test_where_branches_meet_the_longest_path_counts():
    layers = {layer.name: layer for layer in find_layers(TwoBranches(), torch.randn(3, 1, 4, 4))}
    assert list(layers) == ["input", "short", "long", "head.input", "head"]
    depths = [layer.relative_depth for layer in layers.values()]
    assert depths == [0, 1 / 4, 3 / 4, 3 / 4, 1]
    # No module gives what enters the classifier, so its input is a layer of its own.
    assert layers["head.input"].last_hidden
    assert layers["head.input"].side == "input"


def test_reshaping_modules_are_no_layers_of_their_own():
    network = nn.Sequential(nn.Linear(6, 4), nn.Unflatten(1, (2, 2)), nn.Flatten(), nn.Linear(4, 3))
    sample = torch.randn(3, 6)
    assert names(find_layers(network, sample)) == ["input", "0", "3"]
    assert names(find_layers(network, sample, ["all"])) == ["input", "0", "3"]
    assert names(find_layers(network, sample, ["2"])) == ["2"]  # but can be named


def test_hidden_linear_layers_are_taken_after_their_activation():
    network = nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(), nn.Linear(4, 2)
    )
    assert names(find_layers(network, torch.randn(3, 4))) == ["input", "2", "4"]


def test_layers_do_not_depend_on_the_weights():
    """Dead layers all give zeros: equal numbers are not the same layer."""
    network = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(4)])
    network.append(nn.Linear(4, 2))
    alive = find_layers(network, torch.randn(3, 4))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(-1.0)
    assert find_layers(network, torch.rand(3, 4)) == alive
    assert names(alive) == ["input", "0", "1", "2", "3", "4"]
    assert [layer.last_hidden for layer in alive] == [False] * 4 + [True, False]


def test_a_wrapped_network_is_named_without_the_wrapping():
    network = Wrapped(TwoBranches())
    layers = find_layers(network, torch.zeros(3, 1, 4, 4, dtype=torch.uint8))
    assert names(layers) == ["input", "short", "long", "head.input", "head"]
    assert [layer.module for layer in layers][:2] == ["input", "network.short"]


class TestSelectors:
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    sample = torch.randn(3, 1, 4, 4)

    def select(self, *selectors):
        return names(find_layers(self.network, self.sample, selectors))

    def test_all_takes_each_content_once(self):
        # 0.1 overwrites 0.0 in place, which makes two contents; 0 and 0.1 are one.
        assert self.select("all") == ["input", "0.0", "0", "1.0", "1", "3"]

    def test_names_and_patterns_are_united_in_order_of_depth(self):
        assert self.select("3", "?.0", "input", "0.0") == ["input", "0.0", "1.0", "3"]
        assert self.select("last_hidden", "3.input") == ["1", "3.input"]

    def test_patterns_go_by_parts(self):
        assert self.select("*") == ["input", "0", "1", "2", "3"]
        assert self.select("*.*") == ["0.0", "0.1", "1.0", "1.1"]
        assert matches_name("**", "a.b.c")
        assert not matches_name("blocks.*", "blocks.1.attn")

    def test_what_is_not_there_is_told_with_the_nearest(self):
        with pytest.raises(UserError, match=r"layer '1\.O' matches nothing .* did you mean 1"):
            self.select("1.O")
        with pytest.raises(UserError, match=r"layer 'blocks\.\*' matches nothing"):
            self.select("blocks.*")
        with pytest.raises(UserError, match="must name at least one layer"):
            self.select()


def test_a_module_that_is_held_but_not_called_is_told():
    network = TwoBranches()
    network.spare = nn.Linear(2, 2)
    with pytest.raises(UserError, match="'spare' names a module that the network holds but never"):
        find_layers(network, torch.randn(3, 1, 4, 4), ["spare"])


class Parts(nn.Module):
    """Windows of an image, and the first image alone: rows that aren't images."""

    def __init__(self):
        super().__init__()
        self.window = nn.Sequential(nn.Linear(4, 4))
        self.some = nn.Linear(16, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        parts = self.window(x.reshape(-1, 4)).reshape(len(x), 16)
        first = self.some(parts[:1])
        return self.head(torch.cat([first, parts[1:]]))


def test_layers_without_a_row_per_image_are_left_out_and_told():
    sample = torch.randn(3, 16)
    assert names(find_layers(Parts(), sample, ["all"])) == ["input", "head.input", "head"]
    with pytest.raises(UserError, match=r"'window' gives shape \(12, 4\).*4 windows or parts"):
        find_layers(Parts(), sample, ["window"])
    with pytest.raises(UserError, match=r"'some' gives shape \(1, 16\).*only part of the images"):
        find_layers(Parts(), sample, ["some"])


class Tokens(nn.Module):
    """A class token joins after the first block."""

    def __init__(self, name="cls_token"):
        super().__init__()
        self.embed = nn.Linear(3, 8)
        setattr(self, name, nn.Parameter(torch.zeros(1, 1, 8)))
        self._name = name
        self.block = nn.Linear(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        token = getattr(self, self._name).expand(len(x), -1, -1)
        return self.head(self.block(torch.cat([token, self.embed(x)], dim=1))[:, 0])


class TestTokens:
    sample = torch.randn(3, 6, 3)

    @pytest.mark.parametrize("tokens", ["flattened", "mean"])
    def test_of_a_sequence_all_or_the_mean_is_kept(self, tokens):
        layers = {
            x.name: x
            for x in find_layers(Tokens(), self.sample, ["embed", "block", "head"], tokens)
        }
        assert [layer.reduction for layer in layers.values()] == [tokens, tokens, "flattened"]
        assert layers["block"].shape == (7, 8)
        assert layers["block"].num_units == (56 if tokens == "flattened" else 8)

    def test_the_class_token_is_taken_where_it_is(self):
        layers = find_layers(Tokens(), self.sample, ["embed", "block", "head"], "class")
        assert [(x.name, x.reduction, x.num_units) for x in layers] == [
            ("block", "class", 8),
            ("head", "flattened", 2),
        ]
        with pytest.raises(UserError, match="none has the class token in it"):
            find_layers(Tokens(), self.sample, ["embed"], "class")

    def test_without_a_class_token_it_is_an_error(self):
        with pytest.raises(UserError, match="tokens: class needs a class token, but the network"):
            find_layers(Tokens("register"), self.sample, tokens="class")
        with pytest.raises(UserError, match="tokens must be one of flattened, mean, class, but"):
            find_layers(Tokens(), self.sample, tokens="median")

    def test_maps_are_no_sequences(self):
        layers = find_layers(TwoBranches(), torch.randn(3, 1, 4, 4), ["long"], "mean")
        assert layers[0].reduction == "flattened"


def test_a_network_without_layers_is_told():
    with pytest.raises(TrialFailure, match="no linear or convolutional layer"):
        find_layers(nn.Sequential(nn.ReLU()), torch.randn(2, 3))


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["layers", *arguments])

    def test_prints_autos_layers_and_how_many_more_there_are(self):
        result = self.run("cnn", "--classes", "3")
        lines = result.output.splitlines()
        assert lines[0].startswith("cnn: images 1 x 8 x 8, ")
        assert [line.split()[0] for line in lines[2:9]] == AUTO["cnn"]
        assert lines[7].split() == ["pool", "32", "32", "0.857", "auto", "last", "hidden"]
        assert lines[8].split() == ["head", "3", "3", "1.000", "auto"]
        assert lines[9] == "7 layers; auto takes 7, all 19"

    def test_all_and_json_mark_what_auto_takes(self):
        found = json.loads(self.run("mlp", "--all", "--json", "--image-size", "4").output)
        assert found["image_shape"] == [1, 4, 4]
        assert found["num_all"] == len(found["layers"]) > 4
        taken = [layer["name"] for layer in found["layers"] if layer["auto"]]
        assert taken == AUTO["mlp"]
        assert found["layers"][0]["num_units"] == 16

    def test_layers_and_tokens_go_by_name(self):
        found = self.run("torchvision/vit_b_16", "--tokens", "mean", "--layers", "**.*_layer_0")
        assert "encoder.layers.encoder_layer_0  197 x 768, mean token" in found.output

    def test_a_mistake_is_one_line(self):
        for arguments, message in [
            (["cnm"], "model.name: unknown model 'cnm'; known are"),
            (["torchvision/resnt50"], "did you mean torchvision/resnet50"),
            (["cnn", "--image-size", "0"], "model.image_size: .* but got 0"),
            (["cnn", "--layers", "stage9"], "'stage9' matches nothing"),
        ]:
            with pytest.raises(UserError, match=message) as raised:
                CliRunner().invoke(app, ["layers", *arguments], catch_exceptions=False)
            assert "\n" not in str(raised.value)
