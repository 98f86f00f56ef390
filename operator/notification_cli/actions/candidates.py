"""Names in the cluster that complete a word of the command line; none where the cluster does not answer soon."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from notification_cli.kube.connection import connect
from notification_cli.kube.kubeconfig import Access, contexts
from notification_cli.kube.resources import collection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SECONDS: Final = 1.0
"""How long a user waits for candidates at most."""
MOST: Final = 500
CONTEXTS, NAMESPACES = "contexts", "namespaces"


def candidates(kind: str, given: Mapping[str, Any], incomplete: str) -> list[str]:
    """Return the words that can stand in place of an incomplete one.

    Args:
        kind: contexts, namespaces, or the plural of a kind.
        given: the options before it.
        incomplete: what the user has written of it; a receiver can be one of another namespace.
    """
    access = Access(
        kubeconfig=given.get("kubeconfig") or "",
        context=given.get("context") or "",
        namespace=given.get("namespace") or "",
        patience=SECONDS,
    )
    # An error would stand in the middle of what the user writes.
    with suppress(Exception):
        if kind == CONTEXTS:
            return _beginning(contexts(access), incomplete)
        return asyncio.run(asyncio.wait_for(_names(kind, access, incomplete), SECONDS))
    return []


async def _names(kind: str, access: Access, incomplete: str) -> list[str]:
    first, slash, _ = incomplete.rpartition("/")
    async with connect(access) as connection:
        namespace = first or connection.namespace
        path = "/api/v1/namespaces" if kind == NAMESPACES else collection(namespace, kind)
        names = await connection.names(path, limit=MOST)
    return _beginning([f"{first}{slash}{name}" for name in names], incomplete)


def _beginning(words: list[str], incomplete: str) -> list[str]:
    return sorted(word for word in words if word.startswith(incomplete))
