"""Data sets that come as whole arrays: digits, MNIST, Fashion-MNIST, CIFAR, SVHN.

The largest, SVHN, takes some 600 MB while it is read. Nothing is unpickled.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sweep.data.local import find_files
from sweep.data.source import ArraySplit, Source
from sweep.errors import UserError, first_line

if TYPE_CHECKING:
    from sweep.config import DataConfig

DIGITS = [str(digit) for digit in range(10)]
FASHION = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
IDX_UBYTE = 0x08
# A packed file of megabytes can hold any number of bytes; the largest of these sets has 1.6e9.
MOST_BYTES = 4_000_000_000


def open_digits(_: DataConfig) -> Source:
    """1,797 handwritten digits, 1 x 8 x 8, 10 classes, shipped with scikit-learn.

    Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998,
    doi:10.24432/C50P49. The 17 grey levels are spread over 0 to 255.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    return Source(DIGITS, {"all": ArraySplit(pixels, digits.target.astype(np.int64), "digits")})


def open_mnist(config: DataConfig) -> Source:
    """MNIST or Fashion-MNIST from its four idx files, packed by gzip or not."""
    fashion = config.name == "fashion_mnist"
    prefixes = {"train": "train", "test": "t10k"}
    names = [
        f"{prefix}-{kind}-ubyte"
        for prefix in prefixes.values()
        for kind in ("images-idx3", "labels-idx1")
    ]
    folders = ("", "raw", "FashionMNIST/raw" if fashion else "MNIST/raw")
    files = find_files(config, names, folders, suffixes=("", ".gz"))
    splits = {}
    for split, prefix in prefixes.items():
        images_file = files[f"{prefix}-images-idx3-ubyte"]
        pixels = _read_idx(images_file, 3)
        labels = _read_idx(files[f"{prefix}-labels-idx1-ubyte"], 1)
        if len(labels) != len(pixels):
            raise UserError(
                f"data.path: {images_file} has {len(pixels)} images, but its labels file has "
                f"{len(labels)}: get both anew"
            )
        splits[split] = ArraySplit(pixels[:, None], labels.astype(np.int64), images_file.name)
    return Source(FASHION if fashion else DIGITS, dict(splits))


def open_cifar(config: DataConfig) -> Source:
    """CIFAR-10 or CIFAR-100 (fine labels) from the binary version; the other is pickled.

    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. A record is one
    label byte (CIFAR-100: coarse, then fine) and 3 x 32 x 32 bytes.
    """
    if config.name == "cifar10":
        folder, pickled, label_bytes = "cifar-10-batches-bin", "cifar-10-batches-py", 1
        parts = {
            "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
            "test": ["test_batch.bin"],
        }
        names_file, pickled_file = "batches.meta.txt", "data_batch_1"
    else:
        folder, pickled, label_bytes = "cifar-100-binary", "cifar-100-python", 2
        parts = {"train": ["train.bin"], "test": ["test.bin"]}
        names_file, pickled_file = "fine_label_names.txt", "train"
    names = [name for files in parts.values() for name in files]
    hint = ""
    root = Path(config.path or "")
    if (root / pickled).is_dir() or (root / pickled_file).is_file():
        hint = "; the pickled python version is there, which is not read: unpickling runs code"
    files = find_files(config, [*names, names_file], ("", folder), hint=hint)
    splits = {}
    for split, members in parts.items():
        records = np.concatenate([_read_records(files[name], label_bytes) for name in members])
        splits[split] = ArraySplit(
            records[:, label_bytes:].reshape(-1, 3, 32, 32),
            records[:, label_bytes - 1].astype(np.int64),
            "+".join(members),
        )
    return Source(files[names_file].read_text().split(), dict(splits))


def open_svhn(config: DataConfig) -> Source:
    """The cropped digits of SVHN, from train_32x32.mat and test_32x32.mat.

    Netzer et al., Reading Digits in Natural Images with Unsupervised Feature Learning, 2011.
    The label 10 of the files means the digit 0.
    """
    from scipy.io import loadmat, whosmat

    files = find_files(config, ["train_32x32.mat", "test_32x32.mat"], ("",))
    splits = {}
    for split in ("train", "test"):
        path = files[f"{split}_32x32.mat"]
        try:
            for name, shape, _ in whosmat(path):  # told without unpacking what it claims to hold
                if name in ("X", "y") and math.prod(shape) > MOST_BYTES:
                    raise ValueError(f"{name} of shape {shape}, more than is unpacked")
            content = loadmat(path, variable_names=["X", "y"])
            pixels, labels = content["X"], content["y"].reshape(-1).astype(np.int64)
            if pixels.shape != (32, 32, 3, len(labels)) or pixels.dtype != np.uint8:
                raise ValueError(f"X is {pixels.shape} {pixels.dtype} for {len(labels)} labels")
        except Exception as error:  # a broken file fails in scipy in every way there is
            raise _broken(path, error) from error
        labels[labels == 10] = 0
        splits[split] = ArraySplit(pixels.transpose(3, 2, 0, 1), labels, path.name)
    return Source(DIGITS, dict(splits))


def _read_idx(path: Path, num_axes: int) -> NDArray[np.uint8]:
    """An idx file of bytes: two zeros, type, number of axes, big-endian sizes, values."""
    start = 4 + 4 * num_axes
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(start)
            if len(head) < start or head[:4] != bytes((0, 0, IDX_UBYTE, num_axes)):
                raise _broken(path, f"not an idx file of bytes with {num_axes} axes")
            shape = tuple(int(size) for size in np.frombuffer(head, ">u4", num_axes, offset=4))
            expected = math.prod(shape)
            if expected > MOST_BYTES:
                raise _broken(path, f"its head says {expected} bytes, more than are unpacked")
            content = file.read(expected + 1)  # no more, whatever it unpacks to
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(path, error) from error
    if len(content) != expected:
        found = len(content) if len(content) < expected else f"more than {expected}"
        raise _broken(path, f"{found} bytes of values where its head says {expected}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_records(path: Path, label_bytes: int) -> NDArray[np.uint8]:
    """(N, label_bytes + 3072) uint8."""
    size = label_bytes + 3 * 32 * 32
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % size:
        raise _broken(path, f"{len(content)} bytes are no whole number of records of {size}")
    return content.reshape(-1, size)


def _broken(path: Path, reason: object) -> UserError:
    says = first_line(reason)
    return UserError(f"data.path: {path} can't be read ({says}): get it anew")
