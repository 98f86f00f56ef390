"""The certificates of a connection, as the kubeconfig names them."""

from __future__ import annotations

import base64
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_cli.kube.credentials import Issued
    from notification_cli.kube.kubeconfig import Profile


def tls_context(profile: Profile, issued: Issued) -> ssl.SSLContext:
    """Return what to trust, and the certificate of the user.

    Raises:
        OSError: a certificate cannot be read, or is none.
        ValueError: likewise.
    """
    authority = _content(profile.cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    # As kubectl: authorities of older clusters lack extensions that newer versions of OpenSSL demand.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if profile.cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = issued.certificate.encode() or _content(profile.user, "client-certificate")
    key = issued.key.encode() or _content(profile.user, "client-key")
    if certificate and key:
        _load(context, certificate, key)
    return context


def _content(entry: Mapping[str, Any], name: str) -> bytes:
    """Return what a field holds, or the file that it names; empty without either."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data)
    return Path(entry[name]).read_bytes() if entry.get(name) else b""


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a key pair, which OpenSSL reads from files only; these files are private, and removed at once."""
    with tempfile.TemporaryDirectory(prefix="notif-") as folder:
        files = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        for file, content in zip(files, (certificate, key), strict=True):
            file.touch(mode=0o600)
            file.write_bytes(content)
        context.load_cert_chain(*files)
