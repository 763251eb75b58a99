"""Points come out of every format as they went in, or one line says what is wrong."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from sweep.errors import UserError
from sweep.pointfile import read_points

POINTS = np.random.default_rng(0).standard_normal((50, 4))
FRAME = pd.DataFrame(POINTS, columns=list("abcd"))
LISTS = pa.table({"v": pa.FixedSizeListArray.from_arrays(pa.array(POINTS.ravel()), 4)})


def write_ipc(make, table, path):
    with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=20)


def write_parquet(table):
    return lambda path: pa.parquet.write_table(table, path)


def write_text(text):
    return lambda path: path.write_text(text)


def column(values):
    return write_parquet(pa.table({"v": values}))


READABLE = {
    "plain.npy": lambda path: np.save(path, POINTS),
    "fortran.npy": lambda path: np.save(path, np.asfortranarray(POINTS)),
    "swapped.npy": lambda path: np.save(path, POINTS.astype(">f8")),
    "long.npy": lambda path: np.save(path, POINTS.astype(np.longdouble)),
    "plain.csv": lambda path: np.savetxt(path, POINTS, delimiter=","),
    "semicolon.csv": lambda path: np.savetxt(path, POINTS, delimiter=";"),
    "tab.csv": lambda path: np.savetxt(path, POINTS, delimiter="\t"),
    "header.csv": lambda path: FRAME.to_csv(path, index=False),
    "pandas.csv": FRAME.to_csv,
    "numbered.csv": lambda path: pd.DataFrame(POINTS).to_csv(path, index=False),
    "numbered-twice.csv": pd.DataFrame(POINTS).to_csv,
    "columns.parquet": FRAME.to_parquet,
    "labeled.parquet": FRAME.set_index(FRAME.index + 7).to_parquet,
    "labeled-by-text.parquet": FRAME.set_index(FRAME.index.astype(str)).to_parquet,
    "lists.parquet": write_parquet(LISTS),
    "varying.parquet": column(pa.array(POINTS.tolist())),
    "columns.feather": lambda path: pa.feather.write_feather(FRAME, str(path)),
    "lists.feather": lambda path: pa.feather.write_feather(LISTS, str(path)),
    "file.arrow": lambda path: write_ipc(pa.ipc.new_file, LISTS, path),
    "stream.arrow": lambda path: write_ipc(pa.ipc.new_stream, LISTS, path),
}


@pytest.mark.parametrize("name", READABLE)
def test_reads_what_was_written(name, tmp_path):
    READABLE[name](tmp_path / name)
    found = read_points(tmp_path / name)
    np.testing.assert_allclose(found.points, POINTS, rtol=1e-15)
    assert found.source == str(tmp_path / name)


def test_a_numpy_file_is_mapped_and_left_alone(tmp_path):
    path = tmp_path / "p.npy"
    np.save(path, POINTS.astype(np.float32))
    points = read_points(path).points
    assert isinstance(points, np.memmap)
    assert points.dtype == np.float32
    assert not points.flags.writeable


def test_the_ending_may_be_in_capitals(tmp_path):
    np.save(tmp_path / "p.npy", POINTS)
    (tmp_path / "p.npy").rename(tmp_path / "P.NPY")
    np.testing.assert_array_equal(read_points(tmp_path / "P.NPY").points, POINTS)


def test_a_slice_of_lists_starts_where_it_says(tmp_path):
    write_ipc(pa.ipc.new_file, LISTS.slice(10, 20), tmp_path / "s.arrow")
    np.testing.assert_array_equal(read_points(tmp_path / "s.arrow").points, POINTS[10:30])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("plain.csv", "no header"),
        ("header.csv", "the first row names the columns"),
        ("numbered.csv", "the first row names the columns"),
        ("pandas.csv", "a first column without a name, 0, 1, 2, ..., numbers the rows: left out"),
        ("labeled-by-text.parquet", "the column __index_level_0__ labels the rows: left out"),
        ("swapped.npy", ">f8 was converted to float64"),
    ],
)
def test_says_what_it_decided(name, note, tmp_path):
    READABLE[name](tmp_path / name)
    assert note in read_points(tmp_path / name).notes


def cut(name, num_bytes):
    def write(path):
        READABLE[name](path)
        path.write_bytes(path.read_bytes()[:num_bytes])

    return write


REFUSED = {
    "missing.npy": (lambda path: None, r"can't read \S+ \(No such file or directory\)"),
    "folder.npy": (lambda path: path.mkdir(), "Is a directory"),
    "points.txt": (write_text("1 2"), r"points are read from .npy, .csv, .*, but got '\S+.txt'"),
    "empty.npy": (write_text(""), "is empty"),
    "cut.npy": (cut("plain.npy", -100), "is no whole .npy file"),
    "header.npy": (cut("plain.npy", 40), "is no whole .npy file"),
    "junk.npy": (write_text("no numpy file at all"), "is no whole .npy file"),
    "none.npy": (lambda path: np.save(path, np.empty((0, 3))), r"no points \(shape \(0, 3\)\)"),
    "single.npy": (lambda path: np.save(path, 3.0), "holds a single number"),
    "complex.npy": (lambda path: np.save(path, POINTS + 1j), "real numbers, but holds complex128"),
    "text.npy": (lambda path: np.save(path, np.array(["a"])), "real numbers, but holds <U1"),
    "flags.npy": (lambda path: np.save(path, POINTS > 0), "real numbers, but holds bool"),
    "label.csv": (
        lambda path: FRAME.assign(label="cat").to_csv(path, index=False),
        r"column 5 \('label'\) of \S+ holds text such as 'cat'",
    ),
    "typo.csv": (write_text("a,b\n" + "1,2\n" * 9 + "1,x\n"), "column 2 .* text such as 'x'"),
    "late.csv": (
        write_text("a,b\n" + "1,2\n" * 500_000 + "1,x\n"),
        "column 2 .* text such as 'x'|CSV column #1.* invalid value 'x'",
    ),
    "hole.csv": (write_text("a,b\n1,2\n3,\n"), r"column 2 \('b'\) of \S+ lacks 1 of 2 values"),
    "nan.csv": (write_text("a,b\n1,2\nnan,4\n"), r"column 1 \('a'\) of \S+ lacks 1 of 2"),
    "inf.csv": (write_text("a,b\n1,2\ninf,4\n"), r"column 1 \('a'\) .* infinite in 1 of 2 values"),
    "ragged.csv": (write_text("1,2\n3,4,5\n"), "Expected 2 columns, got 3"),
    "names.csv": (write_text("a,b\n"), r"no points \(shape \(0, 2\)\)"),
    "blank.csv": (write_text("\n\n"), "is no whole .csv file"),
    "bytes.csv": (lambda path: path.write_bytes(bytes(range(256)) * 4), "is no whole .csv file"),
    "cut.parquet": (cut("lists.parquet", -50), "is no whole .parquet file"),
    "uneven.parquet": (column([[1.0, 2.0], [1.0]]), "lists of 1 to 2 numbers"),
    "hollow.parquet": (column([[1.0, None], [1.0, 2.0]]), "lacks 1 of 4 values"),
    "absent.parquet": (column([[1.0], None]), "lacks 1 of 2 lists"),
    "words.parquet": (column([["a"], ["b"]]), "its lists must hold numbers"),
    "dates.parquet": (column(pa.array([1, 2], pa.timestamp("s"))), "values of type timestamp"),
    "flags.parquet": (column([True, False]), r"column 1 \('v'\) of \S+ holds values of type bool"),
    "cut.arrow": (cut("file.arrow", -500), "neither an Arrow file nor an Arrow stream"),
    "short.arrow": (
        cut("stream.arrow", -500),
        "an Arrow stream, or not a whole one|no whole .arrow file",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_says_what_is_wrong_in_one_line(name, tmp_path):
    write, message = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(UserError, match=message) as error:
        read_points(tmp_path / name)
    assert "\n" not in str(error.value)


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_never_unpickles(tmp_path):
    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="only unpickling could read"):
        read_points(tmp_path / "bomb.npy")
