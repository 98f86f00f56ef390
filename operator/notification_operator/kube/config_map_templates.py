"""The templates in ConfigMaps that notifications refer to, each read by its name when a message needs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from notification_operator.domain.json_values import mapping
from notification_operator.domain.template_ref import TemplateUnavailableError
from notification_operator.fair.lru import LruMap
from notification_operator.kube.requests import JSON, KubeError, ResponseTooLargeError, read

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

    from notification_operator.domain.template_ref import TemplateRef

FRESH_SECONDS: Final = 5.0
"""How long a text counts as current: a burst of messages reads it once, and a change takes effect soon."""
READ_SECONDS: Final = 3.0
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a response: a ConfigMap has at most 1 MiB, which JSON may escape."""
KEPT: Final = 64
"""Texts that are remembered: the ones read most recently."""
MAX_CHARACTERS: Final = 64 * 1024
"""Of a text that is remembered: a longer one is no valid template."""


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
        self._texts: LruMap[tuple[str, TemplateRef], tuple[float, str]] = LruMap(KEPT)

    async def source(self, namespace: str, ref: TemplateRef) -> str:
        """Return the text of a template.

        Raises:
            TemplateUnavailableError: it does not exist, or cannot be read.
        """
        if not self._namespaced and namespace != self._home:
            raise TemplateUnavailableError(
                f"the operator reads ConfigMaps in namespace {self._home} only; set receiversNamespaced in the stack"
            )
        read_at, text = self._texts.get((namespace, ref), (-FRESH_SECONDS, ""))
        if _now() - read_at < FRESH_SECONDS:
            return text
        text = _text(await self._data(namespace, ref.config_map), ref.key)
        if len(text) <= MAX_CHARACTERS:
            self._texts.put((namespace, ref), (_now(), text))
        return text

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
        raise TemplateUnavailableError(f"there is no such key, but {', '.join(sorted(data)) or 'none'}")
    return str(data[key])
