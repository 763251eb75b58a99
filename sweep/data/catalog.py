"""The data sets that a sweep file can name: what each is, what to put where, who reads it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.config import DataConfig
    from sweep.data.source import Source


@dataclass(frozen=True)
class DataSet:
    """A data set by name.

    files: what `data.path` must hold and how to get it; "" if the set needs no path.
    opener: "module:function" below sweep.data, taking a DataConfig and giving a Source.
    remote: whether `data.path` may be s3://... or gs://...
    drawn: whether `data.num_drawn`, `data.image_size` and `data.free_factors` say what to draw.
    labelled: whether it says which concepts its images show.
    probes_alone: whether its images are there to be shown to networks, not to be trained on:
    nothing is held out, and as classes stand the splits that its makers put them in.
    """

    summary: str
    files: str
    opener: str
    remote: bool = False
    drawn: bool = False
    labelled: bool = False
    probes_alone: bool = False


DATASETS: dict[str, DataSet] = {
    "digits": DataSet(
        "1,797 handwritten digits, 8 x 8 grey, 10 classes (embedded)", "", "arrays:open_digits"
    ),
    "concepts": DataSet(
        "drawn landscapes of known factors, 32 to 224 pixels, 9 classes, with masks of 71 "
        "concepts; as many as you like",
        "",
        "concepts.source:open_concepts",
        drawn=True,
        labelled=True,
    ),
    "broden": DataSet(
        "a folder in Broden's format: your own images with labelled concepts, to probe with",
        "index.csv, label.csv and the images and masks below images/, as Network Dissection's "
        "Broden has them",
        "broden:open_broden",
        labelled=True,
        probes_alone=True,
    ),
    "mnist": DataSet(
        "70,000 handwritten digits, 28 x 28 grey, 10 classes",
        "the four idx files of MNIST (train-images-idx3-ubyte, ...; .gz or not), as "
        "torchvision.datasets.MNIST(FOLDER, download=True) leaves them",
        "arrays:open_mnist",
    ),
    "fashion_mnist": DataSet(
        "70,000 pieces of clothing, 28 x 28 grey, 10 classes",
        "the four idx files of Fashion-MNIST (train-images-idx3-ubyte, ...; .gz or not), as "
        "torchvision.datasets.FashionMNIST(FOLDER, download=True) leaves them",
        "arrays:open_mnist",
    ),
    "cifar10": DataSet(
        "60,000 photographs, 32 x 32 color, 10 classes",
        "cifar-10-binary.tar.gz unpacked (the *binary* version), from "
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "arrays:open_cifar",
    ),
    "cifar100": DataSet(
        "60,000 photographs, 32 x 32 color, 100 classes (fine labels)",
        "cifar-100-binary.tar.gz unpacked (the *binary* version), from "
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "arrays:open_cifar",
    ),
    "svhn": DataSet(
        "99,289 house-number digits, 32 x 32 color, 10 classes",
        "train_32x32.mat and test_32x32.mat (format 2, cropped digits), from "
        "http://ufldl.stanford.edu/housenumbers/",
        "arrays:open_svhn",
    ),
    "imagenet": DataSet(
        "ImageNet (ILSVRC 2012), 1.3 million photographs, 1,000 classes; or a part of it",
        "folders train/WNID/*.JPEG and val/WNID/*.JPEG (or one of the two), made of the "
        "archives that https://image-net.org gives after registration",
        "folders:open_imagenet",
    ),
    "image_folder": DataSet(
        "your own images, a folder a class",
        "CLASS/*.jpg (or .png, ...), or train/CLASS/*.jpg and test/CLASS/*.jpg (or val)",
        "folders:open_image_folder",
    ),
    "hf": DataSet(
        "a Hugging Face data set saved to disk",
        "what save_to_disk(FOLDER) of a datasets.Dataset or DatasetDict wrote, with columns "
        "data.image_column and data.label_column",
        "tables:open_tables",
    ),
    "arrow": DataSet(
        "Arrow IPC files (.arrow, .feather): one, or a folder; local, s3:// or gs://",
        "an .arrow or .feather file or a folder of them (train-*.arrow and test-*.arrow, or "
        "folders train and test, are splits), with columns data.image_column and "
        "data.label_column",
        "tables:open_tables",
        remote=True,
    ),
    "parquet": DataSet(
        "Parquet files: one, or a folder; local, s3:// or gs://",
        "a .parquet file or a folder of them (train-*.parquet and test-*.parquet, or folders "
        "train and test, are splits), with columns data.image_column and data.label_column",
        "tables:open_tables",
        remote=True,
    ),
}


def open_source(config: DataConfig) -> Source:
    """The data set that a sweep file names.

    Raises UserError if its files aren't there or can't be read.
    """
    module, _, function = DATASETS[config.name].opener.partition(":")
    found: Source = getattr(importlib.import_module(f"sweep.data.{module}"), function)(config)
    return found
