"""What MLflow's pages are given: views, description, notes, links, intervals, pictures."""

import base64
import json
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from sweep.paths import open_storage
from sweep.progress import PlainProgress, SilentProgress
from sweep.report.picture import COLORS
from sweep.report.profile_picture import draw_profile_svg
from sweep.scalars import Scalar, scalars
from sweep.sealing import file_digest, read_manifest
from sweep.tracking import MlflowTracker, connect, search_runs
from sweep.tracking.catchup import track_trials
from sweep.tracking.content import interval_tags
from sweep.tracking.embedded import is_local
from sweep.tracking.views import make_views

NOTE = "mlflow.note.content"


@pytest.fixture(scope="module")
def experiment(finished):
    client = connect(finished.tracking_uri)
    return client, client.get_experiment_by_name("tiny")


@pytest.fixture(scope="module")
def runs(finished, experiment):
    client, found = experiment
    return {run.info.run_name: run for run in search_runs(client, found.experiment_id)}


def opened(value):
    """A view's state, as MLflow's pages read it."""
    mark, _, packed = json.loads(value)["state"].partition(";")
    assert mark == "deflate"
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_ready_views_name_what_is_logged(finished, experiment, runs):
    _, found = experiment
    result = next(r for r in finished.results.results if r.trial.role == "trained")
    logged = runs[result.trial.name].data
    columns = {f"metrics.`{name}`" for name in logged.metrics}
    columns |= {f"params.`{name}`" for name in logged.params}
    columns |= {f"tags.`{name}`" for name in logged.tags}
    for view in make_views(finished.results.work.config):
        state = opened(found.tags[f"mlflow.sharedViewState.{view.key}"])
        assert state == view.state
        assert set(state["selectedColumns"]) <= columns
        assert state["orderByKey"] in columns
        for card in state.get("compareRunCharts", []):
            if not card["deleted"]:
                named = [card.get("metricKey"), card.get("selectedXAxisMetricKey") or None]
                named += [card[axis]["key"] for axis in ("xaxis", "yaxis") if axis in card]
                assert {name for name in named if name} <= set(logged.metrics)
    trials, profiles, layers = make_views(finished.results.work.config)
    assert trials.state["selectedColumns"][:5] == [
        "metrics.`test_accuracy`",
        "metrics.`num_parameters`",
        "metrics.`id_last_hidden/twonn`",
        "metrics.`id_peak/twonn`",
        "metrics.`id_peak_depth/twonn`",
    ]
    first = profiles.state["compareRunCharts"][0]
    assert (first["metricKey"], first["xAxisKey"]) == ("id/twonn", "metric")
    assert first["selectedXAxisMetricKey"] == "relative_depth"
    assert layers.state["compareRunCharts"][0]["xAxisKey"] == "step"


def test_the_first_line_of_the_description_leads_everywhere(finished, experiment, runs):
    _, found = experiment
    first = found.tags[NOTE].splitlines()[0]
    for view in make_views(finished.results.work.config):
        assert f"({view.link(found.experiment_id)})" in first
    report = next(run for run in runs.values() if run.data.tags["idsweep.role"] == "sweep")
    assert f"/runs/{report.info.run_id}/artifacts/report.html" in first
    assert finished.results.work.config.description in found.tags[NOTE]


def test_a_run_leads_to_its_images_its_weights_and_its_picture(finished, runs):
    work = finished.results.work
    result = next(r for r in finished.results.results if r.trial.role == "trained")
    run = runs[result.trial.name]
    found = {one.dataset.name: one for one in run.inputs.dataset_inputs}
    assert set(found) == {"digits-train", "digits-test"}
    for split in ("train", "test"):
        dataset = found[f"digits-{split}"].dataset
        assert dataset.digest == work.data.digest
        assert json.loads(dataset.profile)["num_images"] == work.data.counts[split]
        (context,) = found[f"digits-{split}"].tags
        assert context.value == split
    folder = work.paths(result.trial).checkpoint(result.trial.epoch)
    weights = folder / "weights.safetensors"
    assert run.data.tags["idsweep.checkpoint"] == weights.as_uri()
    assert run.data.tags["idsweep.checkpoint_sha256"] == file_digest(weights)
    assert read_manifest(folder)["files"][weights.name]["sha256"] == file_digest(weights)
    assert f"/runs/{run.info.run_id}/artifacts/profile.svg" in run.data.tags[NOTE]


def test_intervals_of_scalars_come_back_from_the_tags(finished, runs):
    for result in finished.results.results:
        tags = runs[result.trial.name].data.tags
        held = {}
        for name, text in tags.items():
            if name.startswith("idsweep.intervals"):
                held |= json.loads(text)
        bounded = {k: s for k, s in scalars(result.rows).items() if s.low is not None}
        assert set(held) == set(bounded)
        for name, scalar in bounded.items():
            assert held[name] == pytest.approx([scalar.low, scalar.high], rel=1e-3)


def test_intervals_that_fill_a_tag_go_on_in_the_next():
    many = {f"id_last_hidden/twonn@class {n}": Scalar(n, n - 0.5, n + 0.5) for n in range(500)}
    many["open"] = Scalar(1.0, 0.5, float("inf"))
    tags = interval_tags(many)
    assert set(tags) == {
        "idsweep.intervals",
        *(f"idsweep.intervals.{n}" for n in range(1, len(tags))),
    }
    assert len(tags) > 2
    assert max(map(len, tags.values())) <= 5000
    joined = {}
    for text in tags.values():
        joined |= json.loads(text)
    assert len(joined) == 500
    assert joined["id_last_hidden/twonn@class 499"] == [498.5, 499.5]


@pytest.fixture
def own(finished, tmp_path):
    """The finished sweep in a storage of its own, begun in a fresh store."""
    import shutil

    folder = tmp_path / "own"
    storage = finished.results.work.storage.folder
    shutil.copytree(storage, folder, ignore=shutil.ignore_patterns("mlflow*"))
    from sweep.results import load_results

    results = load_results(open_storage(folder, create=False), "tiny")
    tracker = MlflowTracker(results.work.storage)
    tracker.begin(results.work, results.source)
    return results, tracker


def test_the_description_follows_the_sweep_until_someone_edits_it(own):
    results, tracker = own
    client = connect(tracker.uri)

    def note():
        return client.get_experiment_by_name("tiny").tags[NOTE]

    config = results.work.config
    work = type(results.work)(
        config.model_copy(update={"description": "Asks something else."}),
        results.work.storage,
        results.work.data,
    )
    tracker.begin(work, results.source)
    assert "Asks something else." in note()
    found = client.get_experiment_by_name("tiny")
    client.set_experiment_tag(found.experiment_id, NOTE, "Mine.")
    tracker.begin(results.work, results.source)
    assert note() == "Mine."


def test_runs_of_an_older_projection_are_completed(own):
    results, tracker = own
    track_trials(tracker, results, SilentProgress())
    client = connect(tracker.uri)
    found = client.get_experiment_by_name("tiny").experiment_id
    run = next(r for r in search_runs(client, found) if "idsweep.intervals" in r.data.tags)
    for tag in ("idsweep.projection", "idsweep.intervals"):
        client.delete_tag(run.info.run_id, tag)
    tracker.begin(results.work, results.source)
    track_trials(tracker, results, SilentProgress())
    again = client.get_run(run.info.run_id)
    assert again.data.tags == run.data.tags
    assert again.data.metrics == run.data.metrics
    points = client.get_metric_history(run.info.run_id, "id/twonn")
    assert len(points) == len({point.step for point in points})
    assert len(search_runs(client, found)) == len(results.results) + 1


def test_progress_of_tracking_is_told(own):
    results, tracker = own
    lines = []
    track_trials(tracker, results, PlainProgress(lines.append), note_seconds=0.0)
    assert len(lines) == len(results.results)
    assert lines[-1].startswith(f"{len(lines)}/{len(lines)} trials tracked, about 0 s left")


def test_the_picture_shows_each_quantity_with_an_interval_once(finished):
    result = next(r for r in finished.results.results if r.trial.role == "trained")
    picture = draw_profile_svg(result)
    root = ElementTree.fromstring(picture)
    space = {"svg": "http://www.w3.org/2000/svg"}
    lines = root.findall(".//svg:polyline", space)
    names = {text.text for text in root.findall(".//svg:text", space)}
    layered = [row for row in result.rows if row.layer_index is not None]
    bounded = {row.quantity for row in layered if row.low is not None}
    shown = [name for name in dict.fromkeys(r.quantity for r in layered) if name in names]
    assert shown
    assert set(shown) <= bounded
    assert len(lines) == len(shown) <= len(COLORS)
    for line, quantity in zip(lines, shown, strict=True):
        places = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        values = [row.value for row in layered if row.quantity == quantity]
        assert len(places) == len(values)
        assert all(0 < x < 720 and 0 < y < 460 for x, y in places)
        highest, lowest = values.index(max(values)), values.index(min(values))
        assert places[highest][1] < places[lowest][1]
    assert result.trial.name in names
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_a_log_is_kept_on_disks_of_this_machine_alone(tmp_path, monkeypatch):
    from sweep.tracking import embedded

    mounts = tmp_path / "mounts"
    monkeypatch.setattr(embedded, "MOUNTS", mounts)
    for kind, local in (("ext4", True), ("nfs4", False), ("fuse.sshfs", False)):
        mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")
        assert is_local(tmp_path) is local
    mounts.unlink()
    assert not is_local(tmp_path)
