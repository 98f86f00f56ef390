"""Where a team keeps state and secrets in a test, its checkouts, and who can decrypt what the backend holds."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_infra.names import PROJECT
from tests.harness.checkout import NO_CLUSTER, Checkout
from tests.kit.http_server import QuietHandler, running
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.harness.object_stores.servers import Backend

PROGRAM = Path(__file__).with_name("shared.py")
BASE = "shared"
"""The stack that previews build on."""
SETTINGS = {**NO_CLUSTER, "operatorImage": "operator:1"}
PASSPHRASE = "of the team"
WRONG = ("", LOCAL_PASSPHRASE, "of another team")
ROUNDS, KEY_BYTES = 1_000_000, 32
"""How the engine derives a key from a passphrase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamState:
    """A backend and a secrets provider, a URL or empty for a passphrase."""

    backend: Backend
    provider: str = ""
    keys: Mapping[str, str]
    """Variables with the credentials of the secrets provider."""

    @property
    def variables(self) -> dict[str, str]:
        """All that a machine needs. CI systems pass a secret that is not defined as an empty variable."""
        passphrase = "" if self.provider else PASSPHRASE
        own = {"PULUMI_BACKEND_URL": self.backend.url, "PULUMI_CONFIG_PASSPHRASE": passphrase}
        return {**self.backend.variables, **self.keys, **own}

    @property
    def options(self) -> list[str]:
        """The options of `up` for a new stack."""
        return ["--secrets-provider", self.provider] if self.provider else []

    def checkout(self, folder: Path, **variables: str) -> Checkout:
        """Return a fresh checkout with the program, the base's committed file and the environment alone."""
        folder.mkdir()
        fresh = Checkout(folder)
        (folder / "infra" / "__main__.py").write_text(PROGRAM.read_text("utf-8"), "utf-8")
        fresh.write_stack(BASE, **SETTINGS)
        fresh.environment = {**self.variables, **variables}
        return fresh

    def providers(self) -> dict[str, dict[str, Any]]:
        """Return what encrypts the secrets of each copy of a state, by its key."""
        documents = {
            key: json.loads(content)
            for key, content in self.backend.objects().items()
            if key.endswith((".json", ".json.bak"))
        }
        latest = {key: (each.get("checkpoint") or {}).get("latest") for key, each in documents.items()}
        return {key: state["secrets_providers"] for key, state in latest.items() if state}

    def of_stack(self, name: str) -> list[str]:
        """Return the keys of all objects of a stack."""
        return [key for key in self.backend.objects() if f"{PROJECT}/{name}" in key]

    def lock(self, name: str) -> None:
        """Lock a stack as an engine on another machine does."""
        owner = {"pid": 4711, "username": "ann", "hostname": "desk", "timestamp": "2026-03-01T12:00:00Z"}
        key = f".pulumi/locks/organization/{PROJECT}/{name}/left.json"
        self.backend.put(key, json.dumps(owner).encode())


def opens(provider: Mapping[str, Any], passphrase: str) -> bool:
    """Return whether a passphrase decrypts what this secrets provider encrypted, as the engine finds out itself."""
    if provider["type"] != "passphrase":
        return False
    _, salt, _, nonce, text = provider["state"]["salt"].split(":")
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), base64.b64decode(salt), ROUNDS, KEY_BYTES)
    try:
        AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(text), None)
    except InvalidTag:
        return False
    return True


class _Empty(QuietHandler):
    """Finds nothing."""

    def _not_found(self) -> None:
        self.body()
        self.answer(status=404)

    do_GET = do_POST = do_PATCH = do_DELETE = _not_found  # noqa: N815 - names of the base class


@contextmanager
def empty_cluster() -> Iterator[str]:
    """Run an API server without any object, and return its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    with running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"
