"""`idsweep compare` as the shell calls it, on sealed sweeps."""

import json
import re

import pytest

from sweep import compare, profile
from tests.sweep.command_line import call


@pytest.fixture(scope="module")
def storage(finished):
    return finished.results.work.storage.folder


@pytest.fixture(scope="module")
def trained(finished):
    """A cnn of the finished sweep, trained on true labels."""
    return next(
        r.trial
        for r in finished.results.results
        if (r.trial.role, r.trial.config.model.name) == ("trained", "cnn")
        and not r.trial.config.training.label_noise
    )


@pytest.fixture(scope="module")
def checkpoint(finished, trained):
    return finished.results.work.paths(trained).checkpoint(trained.epoch)


@pytest.fixture(scope="module")
def kept(checkpoint, tmp_path_factory):
    """A storage in which `profile` kept the same network, measured on fewer images."""
    folder = tmp_path_factory.mktemp("kept") / "storage"
    weights = str(checkpoint / "weights.safetensors")
    profile("cnn", weights=weights, storage=folder, overrides=["measure.num_samples=60"])
    return folder


def test_says_what_is_compared_what_differs_and_by_what_it_is_judged(storage, capsys):
    code, output, errors = call(
        capsys, "compare", "tiny/cnn", "tiny/mlp", "--where", "label_noise=0",
        "--storage", storage,
    )  # fmt: skip
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "cnn against mlp"
    assert re.search(r"cnn +tiny/cnn +4 +2 +1 +100 images of digits \(train\)", output)
    assert "note: of all sides only networks with label_noise=0" in lines
    assert any(line.startswith("id/twonn: cnn ") for line in lines)
    assert "noise: paired over 2 configurations of equal width, seeds averaged" in lines
    assert "for all 21 depths of a quantity at once" in output
    assert re.search(r"test_accuracy +0\.\d+ +0\.\d+ +[+-]?0\.\d+ \[", output)
    depths = re.findall(r"^ *([01]\.\d0) ", output, flags=re.MULTILINE)
    assert depths == [f"{tenth / 10:.2f}" for tenth in range(11)]


def test_layers_are_named_where_all_networks_have_the_same(storage, capsys):
    code, output, _ = call(
        capsys, "compare", "tiny/cnn,label_noise=0", "tiny/cnn,label_noise=1",
        "tiny/cnn,role=untrained", "--all-pairs", "--storage", storage,
    )  # fmt: skip
    assert code == 0
    assert "cnn, label_noise=0, cnn, label_noise=1 and cnn, untrained, each against each" in output
    assert re.search(r"^layer .*label_noise=1 - cnn, untrained", output, flags=re.MULTILINE)
    assert re.search(r"^pool ", output, flags=re.MULTILINE)
    assert "3 pairs" in output


def test_json_is_what_python_gives(storage, capsys):
    asked = ("tiny/cnn", "tiny/mlp")
    code, output, _ = call(
        capsys, "compare", *asked, "--storage", storage, "--quantity", "pc_id", "--json"
    )
    found = compare(*asked, storage=storage, quantities=["pc_id"])
    assert code == 0
    assert json.loads(output) == json.loads(json.dumps(found.to_json()))
    (pair,) = json.loads(output)["profiles"][0]["pairs"]
    one = pair["differences"][10]
    assert one["value"] == pytest.approx(one["first"] - one["second"])
    assert one["low"] < one["each_low"] < one["value"] < one["each_high"] < one["high"]


def test_all_quantities_a_page_and_pictures(storage, tmp_path, capsys):
    page, png, svg = (tmp_path / f"compared{suffix}" for suffix in (".html", ".png", ".svg"))
    code, output, _ = call(
        capsys, "compare", "tiny/cnn", "tiny/mlp", "--storage", storage, "--quantity", "all",
        "-o", page, "--png", png, "--svg", svg,
    )  # fmt: skip
    assert code == 0
    assert output.splitlines()[-3:] == [f"page: {page}", f"picture: {png}", f"picture: {svg}"]
    text = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)
    assert "<h2>id/twonn</h2>" in text
    assert "<h2>pc_id</h2>" in text
    assert "id/twonn: cnn" in text
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    before = svg.read_bytes()
    call(capsys, "compare", "tiny/cnn", "tiny/mlp", "--storage", storage, "--quantity", "all",
         "--svg", svg)  # fmt: skip
    assert svg.read_bytes() == before


def test_a_network_has_a_name_a_key_and_a_folder(storage, trained, checkpoint):
    other = "tiny/mlp"
    found = [
        compare(one, other, storage=storage).to_json()["profiles"][0]["sides"][0]["mean"]
        for one in (
            f"tiny/{trained.name}", f"tiny/{trained.key}", f"tiny/{trained.key[:6]}",
            f"tiny/{trained.name}@1", str(checkpoint), str(checkpoint.parent),
            f"{storage}:tiny/{trained.name}",
        )
    ]  # fmt: skip
    assert all(one == found[0] for one in found)


def test_one_network_against_a_family_is_judged_by_the_family(storage, trained):
    found = compare(f"tiny/{trained.name}", "tiny/mlp", storage=storage)
    assert found.profiles[0].pairs[0].noise == (
        "one network against 4 configurations: whether it lies apart from what these do "
        "among themselves"
    )


def test_what_profile_kept_is_compared_and_its_images_are_told_apart(
    storage, trained, kept, capsys
):
    code, output, _ = call(capsys, "compare", f"tiny/{trained.name}", kept, "--storage", storage)
    assert code == 0
    warnings = [line for line in output.splitlines() if line.startswith("warning: ")]
    assert any("other data: digits (digest " in line for line in warnings)
    assert any("other numbers of images: 100 against 60" in line for line in warnings)
    (folder,) = kept.glob("sweeps/profile/trials/*/checkpoint-*")
    again = compare(str(folder), f"tiny/{trained.key}", storage=storage)
    assert again.labels[1] == trained.name
    assert (
        again.profiles[0].sides[0].mean
        == compare(f"{kept}:profile", f"tiny/{trained.key}", storage=storage)
        .profiles[0]
        .sides[0]
        .mean
    )


def test_filters_may_be_of_what_came_out(storage):
    found = compare("tiny/cnn", "tiny,test_accuracy>=0.1", storage=storage)
    assert found.sides[1]["networks"] < 16


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (["tiny"], "compare needs two names or more, but got 1"),
        (["tini", "tiny"], "no sweep 'tini'"),
        (["tini", "tiny"], "did you mean 'tiny'?"),
        (["tiny/cnm", "tiny"], "sweep 'tiny' has no 'cnm'; did you mean 'cnn'? families: cnn, mlp"),
        (["tiny/cnn", "tiny/cnn"], "name the same 8 networks: there is nothing to compare"),
        (["tiny", "tiny,role=trained"], "name the same 16 networks"),
        (["tiny/cnn,widht=4", "tiny"], "no setting 'widht'; did you mean 'width'?"),
        (["tiny/cnn,width=5", "tiny"], "no network has width=5; width is 4, 8"),
        (["tiny/cnn,width", "tiny"], "'width' is no condition: say KEY=VALUE"),
        (["tiny/cnn,width=[", "tiny"], "'[' is no value"),
        (["tiny,width=4,width=8", "tiny"], "no network has width=4 and width=8 at once"),
        (["tiny,id_peek/twonn>3", "tiny"], "did you mean 'id_peak/twonn'?"),
        (["tiny,test_accuracy>1", "tiny"], "of 16 networks none has test_accuracy>1"),
        (["tiny/cnn@0.5", "tiny"], "nothing is measured after epoch 0.5; there is: 1"),
        (["nowhere:tiny", "tiny"], "and no folder 'nowhere'"),
        (["/nowhere/sweeps/tiny", "tiny"], "there is no folder /nowhere/sweeps/tiny"),
        (["/", "tiny"], "lies in no idsweep storage"),
        (["tiny/cnn", "tiny/mlp", "--quantity", "id/twon"], "did you mean 'id/twonn'?"),
        (["tiny/cnn", "tiny/mlp", "-o", "page.pdf"], "must end in .html"),
        (["tiny/cnn", "tiny/mlp", "--png", "no/such/x.png"], "make it first"),
    ],
)
def test_a_mistake_is_one_line(storage, capsys, sides, message):
    code, output, error = call(capsys, "compare", *sides, "--storage", storage)
    assert (code, output) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("idsweep: ")
    assert message in line


def test_a_folder_of_several_sweeps_must_be_named(storage, tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / "sweeps" / name).mkdir(parents=True)
    (tmp_path / "storage.json").write_text('{"schema": 1}')
    code, _, error = call(capsys, "compare", tmp_path, "tiny", "--storage", storage)
    assert code == 2
    assert f"holds several sweeps: name one, such as {tmp_path}:one; there is: one, two" in error
