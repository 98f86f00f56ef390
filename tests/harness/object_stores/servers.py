"""Backends of Pulumi on this machine: S3 and KMS by moto, Azure Blob Storage by Azurite, and folders."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import urllib3

from tests.harness.eventually import eventually
from tests.harness.object_stores import programs
from tools.platform.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST, REGION = "127.0.0.1", "us-east-1"
ACCOUNT = "devstoreaccount1"
KEY = base64.b64encode(b"the key of the account of the tests").decode()
STARTS_WITHIN = 60.0
VERSION = "2021-12-02"
"""The version of the Azure Blob Storage API."""
CREATE_KEY = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.CreateKey"}


class Backend(Protocol):
    """One backend: its URL, the variables with its credentials, and what it holds."""

    @property
    def url(self) -> str: ...

    @property
    def variables(self) -> Mapping[str, str]: ...

    def objects(self) -> dict[str, bytes]:
        """Return the content of each object by its key."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A backend of files."""

    place: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"file://{self.place}?create_dir=true"

    def objects(self) -> dict[str, bytes]:
        files = (path for path in self.place.rglob("*") if path.is_file())
        return {str(path.relative_to(self.place)): path.read_bytes() for path in files}

    def put(self, key: str, content: bytes) -> None:
        file = self.place / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moto:
    """A server of S3 and KMS; it checks no signature."""

    base: str

    def key(self) -> str:
        """Create a KMS key, and return it as the URL of a secrets provider."""
        answer = _request("POST", self.base, {**CREATE_KEY, **_unchecked("kms")}, b"{}")
        return f"awskms://{json.loads(answer)['KeyMetadata']['KeyId']}?region={REGION}"

    def bucket(self, name: str) -> Bucket:
        """Create a bucket."""
        _request("PUT", f"{self.base}/{name}", _unchecked("s3"))
        return Bucket(base=self.base, name=name)

    @property
    def variables(self) -> dict[str, str]:
        """Variables with the address and the credentials."""
        return {
            "AWS_ENDPOINT_URL_KMS": self.base,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_REGION": REGION,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of S3."""

    base: str
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}?endpoint={self.base}&s3ForcePathStyle=true&region={REGION}"

    @property
    def variables(self) -> Mapping[str, str]:
        return Moto(base=self.base).variables

    def objects(self) -> dict[str, bytes]:
        keys = re.findall(r"<Key>(.*?)</Key>", self._send("GET", "?list-type=2").decode())
        return {key: self._send("GET", f"/{quote(key)}") for key in keys}

    def put(self, key: str, content: bytes) -> None:
        self._send("PUT", f"/{quote(key)}", content)

    def _send(self, method: str, path: str, content: bytes = b"") -> bytes:
        return _request(method, f"{self.base}/{self.name}{path}", _unchecked("s3"), content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of Azure Blob Storage."""

    address: str
    name: str

    @property
    def url(self) -> str:
        return f"azblob://{self.name}?protocol=http&domain={self.address}&localemu=true"

    @property
    def variables(self) -> Mapping[str, str]:
        return {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}

    def create(self) -> None:
        self._signed("PUT", self.name, "restype=container")

    def objects(self) -> dict[str, bytes]:
        listing = self._signed("GET", self.name, "comp=list&restype=container").decode()
        names = re.findall(r"<Name>(.*?)</Name>", listing)
        return {name: self._signed("GET", f"{self.name}/{name}") for name in names}

    def put(self, key: str, content: bytes) -> None:
        self._signed("PUT", f"{self.name}/{key}", content=content)

    def _signed(self, method: str, path: str, query: str = "", content: bytes = b"") -> bytes:
        """Send a request with a signature by the key of the account."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        if content:
            headers["x-ms-blob-type"] = "BlockBlob"
        names = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        parameters = "".join(f"\n{part.replace('=', ':', 1)}" for part in sorted(query.split("&")) if part)
        # Of the standard headers that are signed, only Content-Length can have a value.
        length = str(len(content) or "")
        text = f"{method}{3 * chr(10)}{length}{9 * chr(10)}{names}/{ACCOUNT}/{ACCOUNT}/{path}{parameters}"
        digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        return _request(method, f"http://{self.address}/{ACCOUNT}/{path}?{query}", headers, content)


@contextmanager
def moto() -> Iterator[Moto]:
    """Run a server of S3 and KMS."""
    port = free_port()
    base = f"http://{HOST}:{port}"
    with _running([*programs.moto(), "--host", HOST, "--port", str(port)], base):
        yield Moto(base=base)


@contextmanager
def azurite() -> Iterator[str]:
    """Run a server of Azure Blob Storage; return its address, host and port."""
    port = free_port()
    address = f"{HOST}:{port}"
    options = ["--blobHost", HOST, "--blobPort", str(port), "--silent", "--inMemoryPersistence"]
    # It does not know the newest version of the API, and sends telemetry by default.
    command = [*programs.azurite(), *options, "--skipApiVersionCheck", "--disableTelemetry"]
    with _running(command, f"http://{address}", AZURITE_ACCOUNTS=f"{ACCOUNT}:{KEY}"):
        yield address


@contextmanager
def _running(command: list[str], base: str, **variables: str) -> Iterator[None]:
    """Run a server until the end of the block; it answers when the block begins."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **variables}, stdout=quiet, stderr=quiet) as process:
        try:
            eventually(partial(_answers, process, base), bool, within=STARTS_WITHIN)
            yield
        finally:
            process.terminate()


def _unchecked(service: str) -> dict[str, str]:
    """Return the signature of a request, which moto requires and does not check."""
    scope = f"x/20260101/{REGION}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


def _answers(process: subprocess.Popen[bytes], base: str) -> bool:
    assert process.poll() is None, f"the server of {base} has ended with code {process.returncode}"
    try:
        urllib3.request("GET", base, retries=False, timeout=5.0)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def _request(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    answer = urllib3.request(method, url, headers=headers, body=body, retries=False, timeout=30.0)
    assert answer.status < 400, f"{method} {url} answered {answer.status}: {answer.data.decode()}"
    content: bytes = answer.data
    return content
