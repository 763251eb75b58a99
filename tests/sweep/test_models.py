"""One way to name a network; what is asked of it exists; any of them takes images."""

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from sweep.config import ModelConfig
from sweep.errors import TrialFailure, UserError
from sweep.models import FAMILIES, model_label, models_catalog
from sweep.models.catalog import build_network, logits_of
from sweep.models.names import PATTERNS, source_of

DIGITS = SimpleNamespace(
    name="digits", image_shape=(1, 8, 8), num_classes=10, mean=[0.3], std=[0.4]
)
PHOTOS = SimpleNamespace(
    name="photos", image_shape=None, num_classes=5, mean=[0.4] * 3, std=[0.2] * 3
)


def photo(height=60, width=90):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


# name, size from digits (None: as stored), size from photos
LIBRARIES = [
    ("torchvision/shufflenet_v2_x0_5", None, (224, 224)),
    ("torchvision/squeezenet1_1", (224, 224), (224, 224)),  # 8 x 8 is too small for its pooling
    ("timm/test_resnet", None, (160, 160)),
    ("timm/test_vit", (160, 160), (160, 160)),  # built for one size
    ("timm/test_vit.r160_in1k", (160, 160), (160, 160)),
    ("timm/crossvit_9_240", (240, 240), (240, 240)),  # would rescale them by itself
    ("hf/mobilenet_v2", None, (224, 224)),
]


@pytest.mark.parametrize(("name", "from_digits", "from_photos"), LIBRARIES)
class TestLibraries:
    def test_small_tensors(self, name, from_digits, from_photos):
        network = build_network(ModelConfig(name=name), DIGITS, seed=0)
        assert network.preprocessing.size == from_digits
        stored = np.zeros((2, 1, 8, 8), np.uint8)
        pixels = network.preprocessing.pixels(stored)
        assert pixels.shape == (2, 3, *(from_digits or (8, 8)))
        assert network.eval()(pixels).shape == (2, network.num_outputs) == (2, 10)
        # Without weights, the statistics are those of the data.
        assert network.preprocessing.mean == (0.3, 0.3, 0.3)

    def test_photos(self, name, from_digits, from_photos):
        network = build_network(ModelConfig(name=name), PHOTOS, seed=0)
        assert network.preprocessing.size == from_photos
        pixels = network.preprocessing.pixels([photo()])
        assert pixels.shape == (1, 3, *from_photos)
        with torch.no_grad():
            assert network.eval()(pixels).shape == (1, 5)

    def test_is_fixed_by_its_seed_and_leaves_the_global_one(self, name, from_digits, from_photos):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one, same, other = (
            build_network(ModelConfig(name=name), PHOTOS, seed).state_dict() for seed in (3, 3, 4)
        )
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)


def test_the_size_of_images_changes_no_weight():
    """Trying whether a network takes a size draws nothing from its seed."""
    config = ModelConfig(name="timm/test_resnet")
    photos = SimpleNamespace(**{**vars(PHOTOS), "num_classes": DIGITS.num_classes})
    small, large = (build_network(config, data, 3).state_dict() for data in (DIGITS, photos))
    assert all(torch.equal(small[key], large[key]) for key in small)


def test_googlenet_gives_logits_while_training():
    network = build_network(ModelConfig(name="torchvision/googlenet"), DIGITS, 0).train()
    assert network(torch.zeros(2, 3, 64, 64, dtype=torch.uint8)).shape == (2, 10)


VIT = {"model_type": "vit", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.mark.parametrize("name", ["torchvision/vit_b_32", "timm/test_vit", "hf/", "cnn"])
def test_another_image_size(name, tmp_path):
    """Networks built for images of one size are built for another."""
    (tmp_path / "config.json").write_text(json.dumps({**VIT, "intermediate_size": 8}))
    name = f"hf/{tmp_path}" if name == "hf/" else name
    network = build_network(ModelConfig(name=name, image_size=64), PHOTOS, 0).eval()
    pixels = network.preprocessing.pixels([photo()])
    assert pixels.shape[2:] == (64, 64)
    with torch.no_grad():
        assert network(pixels).shape == (1, 5)


def test_a_family_and_photos_want_a_size():
    with pytest.raises(UserError, match=r"model.image_size must be set, since cnn has no image"):
        build_network(ModelConfig(name="cnn"), PHOTOS, 0)


def test_images_of_four_channels():
    data = SimpleNamespace(
        name="multi", image_shape=(4, 8, 8), num_classes=2, mean=[0.1] * 4, std=[1.0] * 4
    )
    assert build_network(ModelConfig(name="cnn"), data, 0).preprocessing.channels == 4
    with pytest.raises(UserError, match=r"takes images of 1 or 3 channels, but those of multi h"):
        build_network(ModelConfig(name="timm/test_resnet"), data, 0)


def test_logits_of_whatever_a_network_returns():
    x = torch.ones(2, 3)
    for output in (
        x,
        (x, None),
        [x, x - 1],
        {"features": x + 1, "logits": x},
        {"out": x},
        SimpleNamespace(logits=x, hidden_states=None),
    ):
        assert torch.equal(logits_of(output), x)
    for output in (None, {}, [None], "text"):
        with pytest.raises(TrialFailure, match="without logits"):
            logits_of(output)


OWN = """
import torch
from torch import nn

def tiny(num_classes, image_shape, width=4):
    c, h, w = image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, width), nn.Linear(width, num_classes))

def seven():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(7))

def features():
    return nn.Conv2d(1, 4, 3)

def needy(num_classes, depth, *, temperature):
    return nn.Identity()

def wrong():
    return nn.Linear

def failing(num_classes):
    raise RuntimeError("no such\\nluck")

constant = 3
"""


class TestOwn:
    @pytest.fixture(autouse=True)
    def module(self, tmp_path, monkeypatch):
        (tmp_path / "ownmodels.py").write_text(OWN)
        (tmp_path / "broken.py").write_text("import nothing_at_all\n")
        (tmp_path / "crash.py").write_text("1 / 0\n")
        (tmp_path / "script.py").write_text("import sys\nsys.exit()\n")
        monkeypatch.chdir(tmp_path)
        yield
        sys.modules.pop("ownmodels", None)

    def test_gets_what_it_names(self):
        config = ModelConfig(name="ownmodels:tiny", width=6)
        network = build_network(config, DIGITS, 0)
        assert network.network[1].out_features == 6
        assert network.num_outputs == 10
        assert network(torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape == (2, 10)
        again = build_network(config, DIGITS, 0)
        assert torch.equal(network.network[1].weight, again.network[1].weight)

    def test_one_that_brings_its_own_classes(self):
        assert build_network(ModelConfig(name="ownmodels:seven"), DIGITS, 0).num_outputs == 7

    def test_nothing_stays_on_the_path(self):
        before = list(sys.path)
        build_network(ModelConfig(name="ownmodels:tiny"), DIGITS, 0)
        assert sys.path == before

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (
                "nomodule:f",
                r"module nomodule can't be imported from the current folder .*No mod",
            ),
            ("broken:f", r"module broken can't be imported .*nothing_at_all"),
            ("crash:f", r"module crash fails when imported \(ZeroDivisionError"),
            ("script:f", r"module script fails when imported \(SystemExit"),
            ("ownmodels:tinny", r"module ownmodels has no function tinny"),
            ("ownmodels:constant", r"module ownmodels has no function constant"),
        ],
    )
    def test_what_is_not_there(self, name, message):
        with pytest.raises(ValidationError, match=message):
            ModelConfig(name=name)

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            ("needy", r"it needs depth, temperature: set model.depth, give temperature a default$"),
            ("wrong", r"it must return an nn.Module, but returned <class .*Linear'>$"),
            ("failing", r"called with num_classes=10, it fails \(RuntimeError: no such luck\)$"),
            ("features", r"must return \(N, classes\) logits, but for 2 images of \(1, 8, 8\) it"),
        ],
    )
    def test_what_does_not_work(self, function, message):
        with pytest.raises(UserError, match=message):
            build_network(ModelConfig(name=f"ownmodels:{function}"), DIGITS, 0)

    def test_a_setting_that_it_does_not_name(self):
        with pytest.raises(ValidationError, match=r"ownmodels:tiny has no depth \(it has width\)"):
            ModelConfig(name="ownmodels:tiny", depth=2)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"name": "mlp", "kernel_size": 5}, r"mlp has no kernel_size \(it has width, depth, b"),
            ({"name": "convnext", "batch_norm": True}, r"convnext has no batch_norm"),
            ({"name": "torchvision/resnet18", "width": 8}, r"has no width \(its layers are as pub"),
            ({"name": "timm/test_vit", "depth": 8}, r"timm/test_vit has no depth"),
            ({"name": "cnn", "weights": "pretrained"}, r"cnn takes weights from a file alone"),
            (
                {"name": "torchvision/resnet18", "weights": "IMAGENET"},
                r"torchvision/resnet18 has no weights 'IMAGENET': IMAGENET1K_V1, DEFAULT or a file",
            ),
            ({"name": "timm/test_vit", "weights": "V1"}, r"takes the weights `pretrained` \(thos"),
            ({"name": "hf/vit", "weights": "pretrained"}, r"hf/vit is a model type, which has no"),
            ({"kernel_size": 4}, r"must be odd"),
            ({"kernel_size": True}, r"must be a number"),
        ],
    )
    def test_what_a_model_does_not_have(self, settings, message):
        with pytest.raises(ValidationError, match=message):
            ModelConfig(**settings)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("resnett", r"unknown model resnett"),
            (
                "torchvision/resnet5",
                r"torchvision has no classifier 'resnet5' among its 80; did you",
            ),
            ("torchvision/fcn_resnet50", r"torchvision has no classifier"),
            ("timm/convnext_tinny", r"did you mean timm/convnext_tiny"),
            ("timm/resnet50.nope", r"did you mean timm/resnet50\."),
            ("hf/vitt", r"hf/vitt is no model type with an image classifier \(close: hf/vit"),
        ],
    )
    def test_names_that_are_not_known(self, name, message):
        with pytest.raises(ValidationError, match=message):
            ModelConfig(name=name)

    def test_a_section_without_a_name_waits_for_it(self):
        """`model: {weights: ...}` may stand beside an axis model.name."""
        waiting = ModelConfig(weights="pretrained")
        named = ModelConfig(**{**waiting.model_dump(), "name": "timm/test_vit"})
        assert named.weights == "pretrained"
        with pytest.raises(UserError, match="cnn takes weights from a file alone"):
            waiting.resolved()

    @pytest.mark.parametrize("name", FAMILIES)
    def test_usual_values_are_filled_in(self, name):
        resolved = ModelConfig(name=name).resolved()
        usual = dict(FAMILIES[name].usual)
        assert {key: getattr(resolved, key) for key in usual} == usual
        assert resolved.resolved() == resolved == ModelConfig(name=name, **usual).resolved()
        usually = build_network(ModelConfig(name=name), DIGITS, 1).state_dict()
        explicitly = build_network(resolved, DIGITS, 1).state_dict()
        assert all(torch.equal(usually[key], explicitly[key]) for key in usually)

    def test_default_weights_get_their_name(self):
        config = ModelConfig(name="torchvision/resnet50", weights="DEFAULT")
        assert config.resolved().weights == "IMAGENET1K_V2"


LABELS = {
    "cnn-w16-d2": {},
    "cnn-w8-d2-k5-plain": {"width": 8, "kernel_size": 5, "batch_norm": False},
    "convnext-w16-d2": {"name": "convnext", "kernel_size": 7},
    "vit-w64-d4-32px": {"name": "vit", "image_size": 32},
    "resnet50-IMAGENET1K_V1": {"name": "torchvision/resnet50", "weights": "IMAGENET1K_V1"},
    "timm-resnet50.a1_in1k-pretrained": {"name": "timm/resnet50.a1_in1k", "weights": "pretrained"},
    "hf-microsoft-resnet-50": {"name": "hf/microsoft/resnet-50"},
    "mlp-w4-d1-best": {"name": "mlp", "width": 4, "depth": 1, "weights": "runs/best.pt"},
}


@pytest.mark.parametrize("label", LABELS)
def test_labels(label):
    config = ModelConfig(**LABELS[label])
    assert model_label(config) == model_label(config.resolved()) == label


def test_the_catalog_names_every_way():
    names = [name for name, summary in models_catalog() if summary]
    assert names == [*FAMILIES, *PATTERNS]
    assert [source_of(name) for name in PATTERNS] == ["torchvision", "timm", "hf", "own"]


def test_libraries_are_imported_only_for_their_names():
    code = (
        "import sys; from sweep.config import ModelConfig; ModelConfig(name='resnet').resolved();"
        "import sweep.models.catalog;"
        "print(sorted({'torchvision', 'timm', 'transformers', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_transformers_the_way_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValidationError, match=r"pip install 'idsweep\[hf\]'"):
        ModelConfig(name="hf/vit")
