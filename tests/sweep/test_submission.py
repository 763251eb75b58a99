"""A sweep as a job: what travels, what is refused, and what a server's answers mean."""

import io
import shlex
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sweep.errors import UserError
from sweep.jobs import JobServer
from sweep.submission import plan_submission
from sweep.sweepfile import parse_sweep
from tests.sweep.command_line import call


def contents(package):
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_file_travels_with_its_overrides_as_arguments(tiny_file):
    found = plan_submission(str(tiny_file), "/shared/x", "http://h:5000", ["space=[{}]"])
    assert contents(found.package()) == {"sweep.yaml": tiny_file.read_text()}
    words = shlex.split(found.entrypoint)
    assert words[:3] == ["idsweep", "run", "sweep.yaml"]
    options = ["--address", "auto", "--storage", "/shared/x", "--tracking-uri", "http://h:5000"]
    assert words[3:] == [*options, "--set", "space=[{}]"]
    assert found.package() == plan_submission(str(tiny_file), "/other", None, []).package()
    assert found.metadata()["idsweep.sweeps"] == "tiny"


def test_a_suite_travels_with_its_sweeps(tiny_file, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.yaml").write_text(tiny_file.read_text())
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: both\nsweeps: [parts/one.yaml, digits]\n")
    found = plan_submission(str(suite), "s3://bucket/x", None, [])
    assert contents(found.package()) == {
        "suite.yaml": suite.read_text(),
        "parts/one.yaml": tiny_file.read_text(),
    }
    assert found.sweeps == ("tiny", "digits")
    outside = tmp_path / "parts" / "suite.yaml"
    (tmp_path / "two.yaml").write_text(tiny_file.read_text())
    outside.write_text("name: both\nsweeps: [../two.yaml]\n")
    with pytest.raises(UserError, match=r"\.\./two\.yaml is not below the suite's folder"):
        plan_submission(str(outside), "/x", None, [])


@pytest.mark.parametrize(
    ("storage", "uri", "overrides", "message"),
    [
        ("results", None, [], "--storage results: a job runs in a folder of its own"),
        ("~/results", None, [], "an absolute path that all nodes share, or s3://"),
        ("ftp://x/y", None, [], "takes an absolute path or s3://"),
        ("s3://key:secret@bucket/y", None, [], "takes an absolute path or s3://"),
        ("/x", "http://me:pw@h:5000", [], "shown by the dashboard, so a password must not"),
        (
            "/x",
            None,
            ["data.path=my", "data.name=image_folder"],
            r"data.path: \S*/my is so named from here only",
        ),
    ],
)
def test_what_a_cluster_could_not_find_or_should_not_see(
    tiny_file, storage, uri, overrides, message
):
    with pytest.raises(UserError, match=message) as caught:
        plan_submission(str(tiny_file), storage, uri, overrides)
    assert "pw@" not in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_what_must_be_on_the_cluster_is_told_and_secrets_stay(tiny_file, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    overrides = ["data.name=image_folder", "data.path=/data/mine", "model.name=json:loads"]
    overrides += ["space=[{}]"]
    found = plan_submission(str(tiny_file), "/x", "http://127.0.0.1:5000", overrides)
    notes = "\n".join(found.notes)
    assert "/data/mine must be on the head" in notes
    assert "module: json must be importable on every node" in notes
    assert "AWS_SECRET_ACCESS_KEY is not sent" in notes
    assert "as seen from the head" in notes
    assert "hidden" not in repr(found)


def test_overrides_are_not_sent_twice(tiny_file):
    text = parse_sweep(tiny_file.read_text(), "x", ["training.epochs=2"]).text
    assert text.endswith("# --set training.epochs=2\n")
    found = plan_submission(str(tiny_file), "/x", None, ["training.epochs=2"])
    assert "--set" not in contents(found.package())["sweep.yaml"]


@pytest.fixture
def web_server():
    """A server that is none of Ray's: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("address", ["auto", "ray://x:10001", "http://me:pw@x:8265", "x:y", ""])
def test_an_address_that_is_no_dashboard(address):
    with pytest.raises(UserError, match="takes the dashboard's address") as caught:
        JobServer(address)
    assert "pw" not in str(caught.value)


def test_servers_that_are_not_there_or_something_else(capsys, web_server, monkeypatch, tmp_path):
    code, _, err = call(capsys, "logs", "x", "--address", "http://127.0.0.1:1")
    assert code == 2
    assert "no Ray dashboard answers at http://127.0.0.1:1" in err
    assert "ssh -L" in err
    code, _, err = call(capsys, "status", "--address", web_server)
    assert code == 2
    assert "is no Ray dashboard" in err
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    code, _, err = call(capsys, "cancel", "x", "--address", web_server)
    assert code == 2
    assert "RAY_AUTH_MODE is token, but" in err
