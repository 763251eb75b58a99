"""Small data sets written as their makers write them.

Legend: N images, C channels, H height, W width.
"""

import gzip
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat


def random_images(num, shape=(3, 32, 32), seed=0):
    """(N, C, H, W) uint8: no two are equal."""
    return np.random.default_rng(seed).integers(0, 256, (num, *shape), dtype=np.uint8)


def labels_of(num, num_classes=10):
    return np.arange(num, dtype=np.int64) % num_classes


def encoded(pixels, kind="PNG"):
    """Pixels (C, H, W) as the bytes of an image file."""
    planes = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes)).save(buffer, kind)
    return buffer.getvalue()


def write_idx(folder, train, test, pack=False):
    """MNIST's four files. train, test: (images (N, 1, 28, 28), labels)."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, (images, labels) in (("train", train), ("t10k", test)):
        for kind, values in (("images-idx3", images[:, 0]), ("labels-idx1", labels)):
            head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            content = head + values.astype(np.uint8).tobytes()
            name = folder / f"{prefix}-{kind}-ubyte"
            if pack:
                name.with_name(name.name + ".gz").write_bytes(gzip.compress(content))
            else:
                name.write_bytes(content)


def write_cifar10(folder, train, test):
    """Five batches and a test batch, binary; the class names as a text file."""
    folder.mkdir(parents=True)
    images, labels = train
    rows = np.array_split(np.arange(len(labels)), 5)
    for number, part in enumerate(rows, start=1):
        _records(folder / f"data_batch_{number}.bin", images[part], labels[part])
    _records(folder / "test_batch.bin", *test)
    (folder / "batches.meta.txt").write_text("\n".join(f"class{i}" for i in range(10)) + "\n\n")


def write_cifar100(folder, train, test):
    folder.mkdir(parents=True)
    for split, (images, labels) in (("train", train), ("test", test)):
        _records(folder / f"{split}.bin", images, labels % 20, labels)
    (folder / "fine_label_names.txt").write_text("\n".join(f"fine{i}" for i in range(100)))


def _records(path, images, *label_columns):
    labels = np.stack(label_columns, axis=1).astype(np.uint8)
    path.write_bytes(np.concatenate([labels, images.reshape(len(images), -1)], axis=1).tobytes())


def write_svhn(folder, train, test):
    """The digit 0 has label 10, as in the real files."""
    folder.mkdir(parents=True)
    for split, (images, labels) in (("train", train), ("test", test)):
        content = {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels, labels, 10)[:, None]}
        savemat(folder / f"{split}_32x32.mat", content)


def write_folder(root, images, labels, names, kind="PNG", ending=None):
    """root/CLASS/NUMBER.png; images: arrays (C, H, W) of any shapes."""
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / names[label]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04d}.{ending or kind.lower()}").write_bytes(encoded(pixels, kind))


def image_struct(images):
    """Hugging Face's column of encoded images."""
    rows = [{"bytes": encoded(pixels), "path": None} for pixels in images]
    return pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def write_parquet(where, table, filesystem=None, row_group_size=16):
    pq.write_table(table, where, filesystem=filesystem, row_group_size=row_group_size)


def write_ipc(path, table, stream=False, rows=16):
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
