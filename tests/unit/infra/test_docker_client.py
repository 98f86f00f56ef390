"""The Docker client: what it sends to a daemon, and its errors."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from platform_infra import docker_client
from platform_infra.cluster.local import images
from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.docker_client import BuildOptions, DockerError, DockerUnavailableError, ProcessResult
from tests.unit.infra.fake_docker import FakeDocker, fake_docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient


AT_THE_SAME_TIME = """
import importlib, importlib.util, sys, threading, time
import platform_infra.cluster.local.provider

class SlowDisk:
    def find_spec(self, name, path=None, target=None):
        if name == "urllib3" and self in sys.meta_path:
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            spec.loader.create_module = self.wait
            return spec

    def wait(self, spec):
        looking.set()
        time.sleep(0.3)

def meanwhile(event, arguments):
    if event == "import" and arguments[0] == "urllib3.exceptions" and not node.ident:
        node.start()
        looking.wait(1)

looking = threading.Event()
node = threading.Thread(target=importlib.import_module, args=("platform_infra.cluster.local.node",))
sys.meta_path.insert(0, SlowDisk())
sys.addaudithook(meanwhile)
importlib.import_module("platform_infra.image.operator_image")
node.join()
"""
"""One provider enters urllib3 while another one, in a thread, is about to load it."""


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    with fake_docker() as daemon:
        monkeypatch.setenv("DOCKER_HOST", daemon.host)
        yield daemon


@pytest.fixture
def client(daemon: FakeDocker) -> Iterator[DockerClient]:
    assert daemon.host
    with docker_client.connected() as client:
        yield client


def test_missing_daemon_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with (
        pytest.raises(DockerUnavailableError, match=r"127\.0\.0\.1:9 does not answer: Connection refused"),
        docker_client.connected(),
    ):
        pass


def test_missing_socket_is_named_and_no_connection_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with (
        pytest.raises(DockerUnavailableError, match=r"docker\.sock does not answer: No such file"),
        docker_client.connected(),
    ):
        pass


def test_local_node_without_a_daemon_names_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(LocalNodeError, match=r"Connection refused; start it .*dockerd.*clusterKind"):
        images.load_image("node", "known:1")


@pytest.mark.usefixtures("daemon")
def test_refused_call_is_an_error_with_the_daemon_s_explanation() -> None:
    with pytest.raises(DockerError, match="no such object"), docker_client.connected() as client:
        client.containers.get("none")


def test_image_exists_only_if_the_daemon_knows_it(client: DockerClient) -> None:
    assert docker_client.has_image(client, "known:1")
    assert not docker_client.has_image(client, "unknown:1")


def test_import_sends_the_archive_with_tag_and_changes(client: DockerClient, daemon: FakeDocker) -> None:
    docker_client.import_image(client, b"tar", "a/b:1", changes=("CMD x", "ENV y=1"))
    ((path, query, body),) = daemon.requests
    assert (path, body) == ("/images/create", b"tar")
    assert query == {"repo": ["a/b"], "tag": ["1"], "fromSrc": ["-"], "changes": ["CMD x", "ENV y=1"]}


def test_import_error_in_the_response_is_raised(
    client: DockerClient, daemon: FakeDocker, tmp_path: Path
) -> None:
    daemon.events = [{"status": "Importing"}, {"error": "no space left"}]
    (tmp_path / "file.tar").write_bytes(b"tar")
    with pytest.raises(DockerError, match="docker import of a:1 failed: no space left"):
        docker_client.import_image(client, tmp_path / "file.tar", "a:1")


def test_pulled_image_gets_a_name(client: DockerClient, daemon: FakeDocker) -> None:
    daemon.images.add("a/python@sha256:2")
    daemon.events = [{"status": "Pulling from a/python"}, {"status": "Download complete", "id": "1"}]
    docker_client.pull_image("a/python", "sha256:2", tag="b/base:1", seconds=10)
    assert daemon.requests[0][:2] == ("/images/create", {"fromImage": ["a/python"], "tag": ["sha256:2"]})
    assert docker_client.has_image(client, "b/base:1")


@pytest.mark.parametrize(
    ("events", "message"), [([{"error": "no space left"}], "no space left"), ([], "no such object")]
)
def test_failed_pull_is_an_error_with_its_reason(
    daemon: FakeDocker, events: list[dict[str, str]], message: str
) -> None:
    daemon.events = events
    with pytest.raises(DockerError, match=message):
        docker_client.pull_image("a/python", "sha256:2", tag="b/base:1", seconds=10)


def test_pull_ends_when_the_daemon_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as silent, tempfile.TemporaryDirectory() as folder:
        silent.bind(f"{folder}/docker.sock")
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        with pytest.raises(DockerError, match="timed out"):
            docker_client.pull_image("a/python", "sha256:2", tag="b/base:1", seconds=1)


def test_build_sends_the_context_and_logs_the_output(
    client: DockerClient, daemon: FakeDocker, tmp_path: Path
) -> None:
    daemon.events = [{"stream": "Step 1/1\n"}, {"aux": {"ID": "sha256:1"}}, {"stream": "done\n"}]
    log = tmp_path / "build.log"
    options = BuildOptions(arguments={"BASE": "b:1"}, labels={"key": "value"})
    image = docker_client.build_image(client, io.BytesIO(b"tar"), tag="a:1", options=options, log=log)
    assert image == "sha256:1"
    ((path, query, body),) = daemon.requests
    assert (path, query["t"], body) == ("/build", ["a:1"], b"tar")
    assert json.loads(query["buildargs"][0]) == {"BASE": "b:1"}
    assert json.loads(query["labels"][0]) == {"key": "value"}
    assert log.read_text() == "Step 1/1\ndone\n"


def test_failed_build_is_an_error_with_the_end_of_the_output(
    client: DockerClient, daemon: FakeDocker, tmp_path: Path
) -> None:
    daemon.events = [{"stream": "E: no package\n"}, {"error": "step failed"}]
    with pytest.raises(
        DockerError, match=r"docker build of a:1 failed.*\n    E: no package\n    step failed"
    ):
        docker_client.build_image(
            client, io.BytesIO(b"tar"), tag="a:1", options=BuildOptions(), log=tmp_path / "build.log"
        )


@pytest.mark.parametrize("exit_code", [0, 3])
def test_program_gets_all_chunks_as_stdin_and_returns_code_and_output(
    client: DockerClient, daemon: FakeDocker, exit_code: int
) -> None:
    daemon.exit_code, daemon.output = exit_code, b"unpacked"
    chunks = (b"x" * 100_000 for _ in range(30))
    result = docker_client.execute_with_input(
        client, client.containers.get("node"), ["ctr", "import"], chunks
    )
    assert result == ProcessResult(code=exit_code, output="unpacked")
    assert daemon.stdin == b"x" * 3_000_000
    created = next(json.loads(body) for path, _, body in daemon.requests if path.endswith("/exec"))
    assert (created["Cmd"], created["AttachStdin"]) == (["ctr", "import"], True)


@pytest.mark.slow
def test_providers_load_their_modules_at_the_same_time() -> None:
    """Pulumi calls them in threads of one process."""
    command = [sys.executable, "-c", AT_THE_SAME_TIME]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
