"""Pixels and normalization are those of the published transforms; who gets which."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sweep.config import ModelConfig
from sweep.errors import TrialFailure, UserError
from sweep.models import hf_processors, timm_models, torchvision_models
from sweep.models.geometry import for_encoded, for_tensors, with_statistics
from sweep.models.preprocessing import Normalize, Preprocessing

# (H, W): wide, tall, smaller than any crop, and sides whose crops start at half pixels.
SIZES = [(301, 400), (500, 333), (90, 77), (257, 391)]


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    found = []
    for height, width in SIZES:
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        found.append(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return found


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ours(preprocessing, images):
    """(N, C, H, W) as a network's first convolution gets it."""
    pixels = preprocessing.pixels([encoded(image) for image in images])
    assert pixels.dtype == torch.uint8
    return Normalize(preprocessing.mean, preprocessing.std)(pixels)


def assert_same(found, expected):
    """To 1e-6 of values that reach 4 or so; one set of weights wants them up to 130."""
    scale = max(1.0, float(expected.abs().max()) / 4)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * scale)


def test_torchvision_all_transforms(images):
    from torchvision import models

    transforms = {}
    for name in torchvision_models.names():
        for weights in models.get_model_weights(name):
            config = ModelConfig(name=f"torchvision/{name}", weights=weights.name)
            transforms[torchvision_models.preprocessing(config)] = weights.transforms()
    assert len(transforms) > 20
    for number, (preprocessing, transform) in enumerate(transforms.items()):
        # The first on all images, the others on one each: they share all of the code.
        chosen = images if number == 0 else images[number % 4 :][:1]
        expected = torch.stack([transform(image) for image in chosen])
        assert_same(ours(preprocessing, chosen), expected)


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_timm_transforms(mode, images):
    import timm
    from timm.data import create_transform, resolve_data_config

    tried = {}
    for name in timm_models.names():
        published = timm.get_pretrained_cfg(name).to_dict()
        if published["crop_mode"] == mode and max(published["input_size"]) <= 400:
            tried.setdefault(timm_models.preprocessing(ModelConfig(name=f"timm/{name}")), published)
    for number, (preprocessing, published) in enumerate(list(tried.items())[:12]):
        chosen = images[number % 4 :][:1] if number else images
        transform = create_transform(**resolve_data_config(pretrained_cfg=published))
        expected = torch.stack([transform(image) for image in chosen])
        assert_same(ours(preprocessing, chosen), expected)
    assert tried


PROCESSORS = {
    "ViTImageProcessorPil": {},
    "ConvNextImageProcessorPil": {"size": {"shortest_edge": 224}},
    "ConvNextImageProcessorPil ": {"size": {"shortest_edge": 384}},
    "BitImageProcessorPil": {"size": {"shortest_edge": 256}, "crop_size": 224},
    "ViTImageProcessorPil ": {"do_normalize": False, "resample": 3},
    "ViTImageProcessorPil  ": {
        "do_rescale": False,
        "image_mean": [99.0] * 3,
        "image_std": [50.0] * 3,
    },
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_hugging_face_processors(name, images):
    import transformers

    processor = getattr(transformers, name.strip())(**PROCESSORS[name])
    preprocessing = hf_processors.translated(processor)
    for image in images:
        expected = processor(image, return_tensors="pt")["pixel_values"]
        assert_same(ours(preprocessing, [image]), expected)


def test_a_processor_that_does_more_is_told(caplog):
    import transformers

    hf_processors.check_translation(transformers.ViTImageProcessorPil(), "hf/vit")
    assert not caplog.records
    processor = transformers.MobileViTImageProcessorPil()  # turns RGB to BGR
    hf_processors.check_translation(processor, "hf/mobilevit")
    assert "MobileViTImageProcessorPil does more" in caplog.text


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "RGBA", "1"])
def test_any_mode_is_decoded_to_rgb(mode, images):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    stored = encoded(images[0].convert(mode), kind)
    found = Preprocessing(SIZES[0], None, "bilinear", 3, (0.5,), (0.5,)).pixels([stored])
    expected = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(found[0].numpy(), expected)


def test_rotation_in_the_file_is_not_applied(images):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    stored = encoded(images[0], "JPEG", exif=exif)
    found = Preprocessing(SIZES[0], None, "bilinear", 3, (), ()).pixels([stored])
    assert found.shape == (1, 3, *SIZES[0])


def test_what_is_no_image_is_told():
    preprocessing = Preprocessing((8, 8), 8, "bilinear", 3, (), ())
    good = encoded(Image.new("RGB", (9, 9)))
    for bad in (b"no image", good[:-30]):
        with pytest.raises(TrialFailure, match="image 1 of a block can't be decoded"):
            preprocessing.pixels([good, bad])


class TestTensors:
    STORED = np.arange(2 * 1 * 6 * 4, dtype=np.uint8).reshape(2, 1, 6, 4)

    def test_right_ones_are_neither_copied_nor_changed(self):
        preprocessing = Preprocessing(None, None, "bilinear", 1, (0.5,), (0.5,))
        found = preprocessing.pixels(self.STORED)
        assert found.data_ptr() == self.STORED.ctypes.data
        assert torch.equal(found, torch.from_numpy(self.STORED))

    def test_read_only_ones_are_taken(self):
        frozen = self.STORED.copy()
        frozen.flags.writeable = False
        found = Preprocessing(None, None, "bilinear", 3, (0.5,) * 3, (0.5,) * 3).pixels(frozen)
        assert torch.equal(found, torch.from_numpy(self.STORED.repeat(3, axis=1)))

    def test_a_resize_is_that_of_pillow(self, images):
        stored = np.stack([np.asarray(images[0]).transpose(2, 0, 1)] * 2)
        found = Preprocessing((20, 20), 20, "bicubic", 3, (), ()).pixels(stored)
        resized = images[0].resize((int(20 * 400 / 301), 20), Image.Resampling.BICUBIC)
        expected = np.asarray(resized.crop((3, 0, 23, 20))).transpose(2, 0, 1)
        assert np.array_equal(found[1].numpy(), expected)

    def test_without_a_size_encoded_images_are_refused(self):
        with pytest.raises(ValueError, match="takes tensor data alone"):
            Preprocessing(None, None, "bilinear", 1, (), ()).pixels([b""])


OWN = Preprocessing((224, 224), 256, "bicubic", 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


class TestGeometry:
    def test_encoded_images_go_through_the_networks_own(self):
        assert for_encoded("m", OWN, None, 3) == OWN

    def test_another_size_keeps_the_share_that_is_cropped(self):
        found = for_encoded("m", OWN, 112, 3)
        assert (found.size, found.resize) == ((112, 112), 128)

    def test_encoded_images_and_no_size_of_its_own(self):
        with pytest.raises(UserError, match=r"model.image_size must be set, since cnn has no"):
            for_encoded("cnn", None, None, 3)
        found = for_encoded("cnn", None, 32, 3)
        assert (found.size, found.resize, found.channels) == ((32, 32), 32, 3)

    @pytest.mark.parametrize(
        ("own", "image_size", "as_stored", "size", "resize", "channels"),
        [
            (None, None, True, None, None, 1),  # ours: as stored
            (None, 8, True, (8, 8), None, 1),  # ours, asked for what is stored
            (None, 16, True, (16, 16), 16, 1),  # ours, resized
            (OWN, None, True, None, None, 3),  # a library's that takes any size
            (OWN, None, False, (224, 224), 224, 3),  # and one that doesn't: no border is lost
            (OWN, 64, False, (64, 64), 64, 3),
        ],
    )
    def test_tensors(self, own, image_size, as_stored, size, resize, channels):
        found = for_tensors((1, 8, 8), own, image_size, as_stored)
        assert (found.size, found.resize, found.channels) == (size, resize, channels)

    def test_grey_statistics_are_repeated(self):
        assert with_statistics(OWN, [0.5], [0.25]).mean == (0.5, 0.5, 0.5)
        assert with_statistics(OWN, [0.1, 0.2, 0.3], [1, 1, 1]).mean == (0.1, 0.2, 0.3)


def test_to_json_tells_all():
    import json

    text = json.loads(json.dumps(OWN.to_json()))
    assert (
        Preprocessing(**{k: tuple(v) if isinstance(v, list) else v for k, v in text.items()}) == OWN
    )
