"""What goes wrong around the command line, against a real API server: each a clear line, whatever the terminal is."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import os
import pty
import struct
import subprocess
import termios
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes import client

from notification_contract import names
from tests.cli.cluster import COMMAND
from tests.cli.test_receivers import SLACK, status
from tests.cli.test_replay import failed, fill, replays
from tests.harness.eventually import eventually
from tools.platform.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.cluster import Cluster

COLUMNS = 40
MATCHES = 2_000
"""DD-CLI-001 has figures of 20,000."""
PEM = serialization.Encoding.PEM


@pytest.mark.check("cli-08")
def test_expired_certificate_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    certificate, key = expired_certificate()
    document = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))
    document["users"][0]["user"] = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(document), "utf-8")
    for command in (("ls",), ("show", "a"), ("receivers",), ("top",)):
        result = cluster.notif(*command, kubeconfig=file)
        assert (result.code, result.out, result.err.count("\n")) == (3, "", 1), command
        assert "they may have expired; log in again" in result.err


def expired_certificate() -> tuple[bytes, bytes]:
    """Return a client certificate that has ended, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ann")]),
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(PEM), private


@pytest.mark.check("cli-09")
@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        ("a: [", (), "it is not YAML in line 1, column 5"),
        ("5", (), "it is malformed; kubectl config view"),
        ("contexts: []", (), "it has no current context; choose one with --context"),
        (None, ("--context", "absent"), "it has no context absent; its contexts are "),
    ],
)
def test_broken_kubeconfig_is_one_line(
    cluster: Cluster, tmp_path: Path, content: str | None, options: tuple[str, ...], reason: str
) -> None:
    file = cluster.kubeconfig
    if content is not None:
        file = tmp_path / "kubeconfig"
        file.write_text(content, "utf-8")
    result = cluster.notif("ls", "--kubeconfig", str(file), *options)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    assert (str(file) in result.err, reason in result.err) == (True, True), result.err


@pytest.mark.check("cli-10")
def test_api_server_that_is_away_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    document = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))
    document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(document), "utf-8")
    result = cluster.notif("ls", kubeconfig=file)
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)
    context = document["current-context"]
    assert f"the API server of {context} cannot be reached: " in result.err
    assert "refused" in result.err


@pytest.mark.check("cli-17")
def test_older_platform_without_receivers_is_named(cluster: Cluster) -> None:
    cluster.create("order", receiverRefs=[{"name": "checkout"}])
    definitions = client.ApiextensionsV1Api(cluster.api)
    definitions.delete_custom_resource_definition(names.RECEIVER_CRD)
    try:
        eventually(
            lambda: cluster.notif("receivers", "-n", cluster.namespace).code,
            lambda code: code == 3,
            within=30,
        )
        result = cluster.notif("receivers", "-n", cluster.namespace)
        assert (result.out, result.err.count("\n")) == ("", 1)
        assert f"the CustomResourceDefinition {names.RECEIVER_CRD} is not installed" in result.err
        shown = cluster.notif("show", "order", "-n", cluster.namespace)
        assert (shown.code, "About order" in shown.out, "it cannot be read" in shown.out) == (0, True, True)
        assert names.RECEIVER_CRD in shown.err
    finally:
        cluster.install_receivers()


@pytest.mark.check("cli-38")
def test_terminal_of_40_columns_gets_no_longer_line(cluster: Cluster) -> None:
    cluster.create_receiver("checkout", SLACK, status=status(healthy="False", reason="CircuitOpen"))
    subject = "Checkout is failing in every region " * 5
    cluster.create(
        "order", subject=subject, receiverRefs=[{"name": "checkout"}], status=failed("slack/checkout")
    )
    where = ("-n", cluster.namespace)
    for command, parts in (
        (("ls", *where), ("order", "Failed")),
        (("receivers", *where), ("checkout", "False")),
        (("redrive", *where), ("order",)),
        (("show", "order", *where), ("order", "Failed", "slack/checkout")),
        (("why", "order", *where), ("order", "Failed")),
    ):
        lines = on_terminal(cluster, *command)
        assert max(map(len, lines)) <= COLUMNS, (command, lines)
        assert all(any(part in line for line in lines) for part in parts), (command, lines)


def on_terminal(cluster: Cluster, *arguments: str) -> list[str]:
    """Return the lines that a command writes to a narrow terminal without colors; what it notes is not among them."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = {**cluster.environment(), "NO_COLOR": "1", "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(slave)
    output = b""
    # The end of a terminal without a writer is an error on Linux.
    with suppress(OSError):
        while part := os.read(master, 4096):
            output += part
    os.close(master)
    assert process.wait(timeout=30) == 0
    return output.decode().splitlines()


@pytest.mark.check("cli-39")
def test_pipe_gets_plain_and_whole_lines(cluster: Cluster) -> None:
    subject = "Checkout is failing in every region " * 10
    cluster.create("order", subject=subject, status=failed("log"))
    for command in (("ls",), ("show", "order"), ("why", "order")):
        result = cluster.notif(*command, "-n", cluster.namespace)
        assert (result.code, "\x1b" in result.out) == (0, False)
        assert "…" not in result.out
    assert subject.strip() in cluster.notif("ls", "-n", cluster.namespace).out


@pytest.mark.check("cli-40")
def test_limit_0_lists_all_and_other_limits_are_refused(cluster: Cluster) -> None:
    for number in range(30):
        cluster.create(f"n{number:02}", status=failed("log"))
    where = ("-n", cluster.namespace)
    assert len(cluster.notif("ls", *where, "--limit", "0", "-o", "name").out.split()) == 30
    for value in ("-1", "many", "1.5", ""):
        result = cluster.notif("ls", *where, "--limit", value)
        assert (result.code, result.out, "--limit" in result.err) == (2, "", True), value
    result = cluster.notif("redrive", *where, "--limit", "0")
    assert (result.code, result.out, "--limit" in result.err) == (2, "", True)


@pytest.fixture(scope="module")
def crowded(shared_cluster: Cluster) -> str:
    """A namespace with thousands of failed notifications."""
    shared_cluster.new_namespace()
    namespace = shared_cluster.namespace
    asyncio.run(fill(shared_cluster, MATCHES))
    return namespace


@pytest.mark.check("cli-41")
def test_thousands_of_matches_are_counted_and_listed_in_order(shared_cluster: Cluster, crowded: str) -> None:
    listed = shared_cluster.notif("ls", "-n", crowded, "--phase", "Failed", "-o", "name").out.split()
    assert [name.partition("/")[2] for name in listed] == [f"order-{number:05}" for number in range(MATCHES)]
    some = shared_cluster.notif("ls", "-n", crowded, "--receiver", "checkout", "--limit", "3", "-o", "name")
    assert some.out.split() == listed[:3]
    top = shared_cluster.notif("top", "-n", crowded)
    assert str(MATCHES) in top.out


@pytest.mark.check("redrive-16")
def test_redrive_of_thousands_counts_all_and_sends_the_limit(shared_cluster: Cluster, crowded: str) -> None:
    shared_cluster.namespace = crowded
    where = ("-n", crowded, "--batch", "b")
    plan = shared_cluster.notif("redrive", *where)
    assert (plan.code, len(plan.out.splitlines())) == (0, 501)
    assert f"{MATCHES} match; 500 to send" in plan.err
    assert f"--limit is 500: left out are {MATCHES - 500} of {crowded}; " in plan.err
    sent = shared_cluster.notif("redrive", *where, "--limit", "20", "--rate", "1000", "--yes")
    assert (sent.code, f"{MATCHES} match; 20 to send" in sent.err) == (0, True)
    created = replays(shared_cluster)
    for obj in created:
        # The namespace is that of another test, too.
        shared_cluster.delete(obj["metadata"]["name"])
    assert sorted(obj["spec"]["replayOf"]["name"] for obj in created) == [
        f"order-{number:05}" for number in range(20)
    ]
