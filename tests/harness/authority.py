"""A certificate authority in a folder, and the certificates that it signs, as files and as TLS contexts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate and its key, both as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `file` is its own certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / "ca.crt"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *, organization: str | None = None) -> Identity:
        """Return a certificate for 127.0.0.1 that servers and clients can use; `name` is its common name."""
        issued = self._authority.issue_cert("127.0.0.1", common_name=name, organization_name=organization)
        identity = Identity(certificate=self._folder / f"{name}.crt", key=self._folder / f"{name}.key")
        identity.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        identity.key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(identity.key))
        return identity

    def trust(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.file))

    def identity(self, name: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for 127.0.0.1."""
        issued = self.issue(name)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(issued.certificate, issued.key)
        return context
