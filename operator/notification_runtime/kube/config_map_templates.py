"""The templates in ConfigMaps that notifications refer to, each read by its name when a message needs it.

A read takes up to twice MAX_BYTES, and any number of messages may need one at a time (DD-BOUNDS-001).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_domain.json_values import mapping
from notification_domain.template_ref import TemplateUnavailableError
from notification_runtime.fair.fair_queue import FairSemaphore
from notification_runtime.fair.lru import LruMap
from notification_runtime.kube.requests import JSON, KubeError, ResponseTooLargeError, read

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

    from notification_domain.template_ref import TemplateRef

FRESH_SECONDS: Final = 5.0
"""How long a text, or the reason why there is none, counts as current: a burst of messages reads it once."""
READ_SECONDS: Final = 3.0
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a response: a ConfigMap has at most 1 MiB, which JSON may escape."""
READS: Final = 4
"""Reads at a time, each for another namespace."""
KEPT: Final = 64
"""Outcomes of reads that are remembered: the most recent ones."""
MAX_CHARACTERS: Final = 64 * 1024
"""Of a text: a longer one is no valid template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a read has found."""

    read_at: float
    """By the clock of the event loop."""
    text: str | None
    """None if there is no template."""
    problem: str
    """Why."""


class ConfigMapTemplates:
    """Reads templates with the permission that the ConfigMaps of receivers need; nothing is followed.

    Args:
        home: the operator's own namespace.
        namespaced: whether ConfigMaps of other namespaces are read, too.
    """

    def __init__(self, client: ApiClient, *, home: str, namespaced: bool) -> None:
        self._client = client
        self._home = home
        self._namespaced = namespaced
        self._outcomes: LruMap[tuple[str, TemplateRef], _Outcome] = LruMap(KEPT)
        self._reads = FairSemaphore(READS, of_namespace=1)

    async def source(self, namespace: str, ref: TemplateRef) -> str:
        """Return the text of a template.

        Raises:
            TemplateUnavailableError: it does not exist, or cannot be read.
        """
        if not self._namespaced and namespace != self._home:
            raise TemplateUnavailableError(
                f"the operator reads ConfigMaps in namespace {self._home} only; set receiversNamespaced in the stack"
            )
        outcome = self._fresh(namespace, ref)
        if outcome is None:
            async with self._reads.slot(namespace):
                outcome = self._fresh(namespace, ref) or await self._read(namespace, ref)
        if outcome.text is None:
            raise TemplateUnavailableError(outcome.problem)
        return outcome.text

    def _fresh(self, namespace: str, ref: TemplateRef) -> _Outcome | None:
        """Return the outcome of an earlier read, if it counts as current."""
        outcome = self._outcomes.get((namespace, ref))
        return outcome if outcome and _now() - outcome.read_at < FRESH_SECONDS else None

    async def _read(self, namespace: str, ref: TemplateRef) -> _Outcome:
        """Read a template, and remember the outcome."""
        text, problem = None, ""
        try:
            text = _text(await self._data(namespace, ref.config_map), ref.key)
        except TemplateUnavailableError as error:
            problem = str(error)
        outcome = _Outcome(read_at=_now(), text=text, problem=problem)
        self._outcomes.put((namespace, ref), outcome)
        return outcome

    async def _data(self, namespace: str, name: str) -> dict[str, Any]:
        # With a field selector, the permission to list is enough, which the operator has.
        query = {"fieldSelector": f"metadata.name={name}", "limit": 1}
        try:
            listing, _ = await read(
                self._client,
                f"/api/v1/namespaces/{namespace}/configmaps",
                query=query,
                accept=JSON,
                seconds=READ_SECONDS,
                max_bytes=MAX_BYTES,
            )
        except KubeError as error:
            raise TemplateUnavailableError(f"it cannot be read: {error}") from None
        except ResponseTooLargeError:
            raise TemplateUnavailableError(f"the ConfigMap has more than {MAX_BYTES} bytes") from None
        items = listing.get("items") or ()
        if not items:
            raise TemplateUnavailableError(f"there is no such ConfigMap in namespace {namespace}; create it")
        return dict(mapping(items[0].get("data")))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _text(data: dict[str, Any], key: str) -> str:
    if key not in data:
        # Who may create notifications need not be allowed to read ConfigMaps: no other key is named.
        raise TemplateUnavailableError("there is no such key")
    text = str(data[key])
    if len(text) > MAX_CHARACTERS:
        raise TemplateUnavailableError(f"it has more than {MAX_CHARACTERS} characters")
    return text
