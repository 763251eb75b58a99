"""Data sets that come as image files in one folder a class: your own, and ImageNet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sweep.data.local import lack, local_root
from sweep.data.source import Source, SourceImage, SourceSplit, Unreadable

if TYPE_CHECKING:
    from sweep.config import DataConfig

# Those of torchvision's ImageFolder.
EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
# What may stand for "test", the first one found.
HELD_OUT = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class FileSplit:
    """Image files. files: (N,) relative to root. labels: (N,)."""

    root: Path
    files: list[str]
    labels: NDArray[np.int64]

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        for row in rows:
            path = self.root / self.files[row]
            try:
                # Reading a pipe would wait for a writer, perhaps for ever.
                if stat.S_ISREG(path.stat().st_mode):
                    yield path.read_bytes()
                else:
                    yield Unreadable("no regular file")
            except OSError as error:
                yield Unreadable(error.strerror or str(error))

    def place(self, row: int) -> str:
        return self.files[row]


def open_image_folder(config: DataConfig) -> Source:
    """path/CLASS/*.jpg, or path/train/CLASS/*.jpg and the same below test or val.

    Classes are sorted folder names, files are sorted paths: as torchvision's ImageFolder
    has them, whatever order the file system lists them in.
    """
    root = local_root(config)
    folders = _subfolders(root)
    held_out = next((name for name in HELD_OUT if name in folders), None)
    if "train" in folders and held_out is not None:
        return _source(config, root, {"train": "train", "test": held_out})
    only_split = len(folders) == 1 and folders[0] in ("train", *HELD_OUT)
    if only_split and _subfolders(root / folders[0]):
        return _source(config, root, {"all": folders[0]})
    return _source(config, root, {"all": ""})


def open_imagenet(config: DataConfig) -> Source:
    """ImageNet's ILSVRC 2012 as folders train/WNID and val/WNID, or only one of the two.

    Russakovsky et al., 2015, doi:10.1007/s11263-015-0816-y. A class is its WordNet id's
    place among all sorted ids: what pretrained networks were trained on.
    """
    root = local_root(config)
    nested = root / "ILSVRC" / "Data" / "CLS-LOC"
    root = nested if nested.is_dir() else root
    there = [name for name in ("train", "val") if (root / name).is_dir()]
    if not there:
        raise lack(config, f"neither train nor val is in {root}")
    if len(there) == 2:
        return _source(config, root, {"train": "train", "test": "val"})
    return _source(config, root, {"all": there[0]})


def _source(config: DataConfig, root: Path, folders: dict[str, str]) -> Source:
    """folders: what each split is called below root."""
    classes = sorted({name for folder in folders.values() for name in _subfolders(root / folder)})
    for folder in folders.values():
        if not _subfolders(root / folder):
            raise lack(config, f"{root / folder} holds no folder, and each class must be one")
    ignored: list[str] = []
    splits: dict[str, SourceSplit] = {}
    for split, folder in folders.items():
        files: list[str] = []
        counts = []
        for name in classes:
            found = _image_files(root, root / folder / name, ignored)
            files += found
            counts.append(len(found))
        labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
        splits[split] = FileSplit(root, files, labels)
    if not any(len(split.labels) for split in splits.values()):
        raise lack(config, f"no folder in {root} holds a file ending in {', '.join(EXTENSIONS)}")
    return Source(classes, splits, ignored)


def _subfolders(folder: Path) -> list[str]:
    """Sorted; what begins with a dot is no class."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))


def _walk(top: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder with its files; links are followed, but none into a folder around it."""
    around = {top: {os.path.realpath(top)}}
    for parent, folders, names in os.walk(top, followlinks=True):
        yield parent, names
        there = around.pop(parent)
        for name in list(folders):
            real = os.path.realpath(os.path.join(parent, name))
            if real in there:
                folders.remove(name)
            else:
                around[os.path.join(parent, name)] = there | {real}


def _image_files(root: Path, folder: Path, ignored: list[str]) -> list[str]:
    """Paths of images below a class's folder relative to root; others go to `ignored`."""
    images = []
    for parent, names in sorted(_walk(str(folder))):
        relative = os.path.relpath(parent, root)
        for name in sorted(names):
            path = f"{relative}/{name}"
            if name.lower().endswith(EXTENSIONS):
                images.append(path)
            else:
                ignored.append(path)
    return images
