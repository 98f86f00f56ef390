"""The nine steps of docs/receivers/sms.md, with a real operator and a gateway that accepts JSON over HTTP."""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_contract import names
from notification_operator.controller.receiver_tester import SUBJECT
from tests.api_server.test_troubleshooting import Namespace
from tests.harness.eventually import eventually
from tests.kit.pages import section
from tests.unit.repository.test_docs_quotes import quoted_commands
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")
HOME = "notification-system"
"""The operator's namespace in the page; the test has another one."""
TOKEN = "a-token-of-the-gateway"
"""What a reader puts in place of REPLACE-ME."""
EXAMPLE = ROOT / "examples" / "receivers" / "sms-gateway.yaml"


class Gateway(ThreadingHTTPServer):
    """Records each message with its credential."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[tuple[str, dict[str, str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append((self.headers["Authorization"], json.loads(body)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def namespace(api_server: ApiServer) -> Iterator[Namespace]:
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="sms-")))
        yield Namespace(api_server.cluster, folder, cleanup)


def adapted(namespace: str, port: int) -> list[dict[str, Any]]:
    """Return Secret and receiver of the example as in the steps 2 and 3, for a gateway on this machine."""
    secret, receiver, _ = yaml.safe_load_all(
        EXAMPLE.read_text("utf-8").replace(HOME, namespace).replace("REPLACE-ME", TOKEN)
    )
    receiver["spec"]["webhook"] |= {
        "url": f"http://127.0.0.1:{port}/messages",
        "insecure": True,
        "allowedNetworks": ["127.0.0.0/8"],
    }
    return [secret, receiver]


@pytest.mark.long
def test_steps_of_the_page_lead_to_a_message_in_the_gateway(
    namespace: Namespace, gateway: Gateway, tmp_path: Path
) -> None:
    objects = adapted(namespace.name, gateway.server_port)
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump_all(objects), "utf-8")
    for obj in objects:
        namespace.cluster.apply(obj)
    path = f"/apis/{names.API_VERSION}/namespaces/{namespace.name}/{names.RECEIVER_PLURAL}/on-call-phone"
    eventually(
        lambda: namespace.cluster.request("GET", path).get("status", {}).get("conditions", []),
        lambda conditions: ("Ready", "True") in {(each["type"], each["status"]) for each in conditions},
        within=20,
    )
    steps = [
        shlex.join(["notif", *words]).replace(HOME, namespace.name).replace("gateway.yaml", str(file))
        for program, words in quoted_commands(section("receivers/sms.md", "Through your HTTP gateway"))
        if program == "notif"
    ]
    # The operator serves this namespace, and the context of the kubeconfig has another one.
    steps[-1] += f" -n {namespace.name}"
    done = [namespace.run(step) for step in steps]
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 5
    assert [credential for credential, _ in gateway.messages] == [f"Bearer {TOKEN}"] * 2
    tested, sent = (message for _, message in gateway.messages)
    assert (tested["to"], sent["to"]) == ("+15550100", "+15550100")
    assert tested["text"].startswith(SUBJECT)
    assert sent["text"] == "eu-west is down\neu-west is down"
