"""A certificate authority of one test, and what clients that trust it and servers on 127.0.0.1 need."""

from __future__ import annotations

import ssl

from tests.harness import authority


class Authority(authority.Authority):
    """Signs certificates, and is what clients trust."""

    def trust(self) -> ssl.SSLContext:
        """Return what a client needs that trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.file))

    def identity(self, name: str) -> ssl.SSLContext:
        """Return what a server on 127.0.0.1 needs to be trusted."""
        issued = self.issue(name)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(issued.certificate, issued.key)
        return context
