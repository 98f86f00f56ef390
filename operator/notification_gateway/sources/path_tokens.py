"""The secret last part of a source's URL: 32 random bytes in a Secret that the gateway creates, and never writes anywhere else."""

from __future__ import annotations

import re
from base64 import b64encode
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final

import structlog

from notification_contract import names
from notification_gateway.sources.secret_values import SecretKey, secrets_path
from notification_operator.kube.requests import KubeError, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.aio.client import ApiClient

    from notification_contract.sources.source import NotificationSource
    from notification_gateway.sources.secret_values import SecretValues

logger = structlog.get_logger(__name__)

BYTES: Final = 32
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 bytes in base64url, without padding."""
CREATE_SECONDS: Final = 5.0


def key_of(source: NotificationSource) -> SecretKey:
    """Return the Secret with the token of a source."""
    return SecretKey(source.namespace, f"{source.name}{names.SOURCE_PATH_SUFFIX}")


class PathTokens:
    """Creates the tokens of sources. If two replicas create one concurrently, the API server refuses the second, which reads the first.

    Args:
        new_token: returns a random token.
    """

    def __init__(
        self,
        client: ApiClient,
        secrets: SecretValues,
        *,
        new_token: Callable[[], str] = lambda: token_urlsafe(BYTES),
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._new_token = new_token

    def of(self, source: NotificationSource) -> tuple[str, ...]:
        """Return the token that a source accepts now, if there is one. A token is not accepted after its Secret was deleted."""
        state = self._secrets.get(key_of(source))
        token = (state.data or {}).get(names.SOURCE_PATH_KEY, "")
        return (token,) if state.owner == source.uid and TOKEN.fullmatch(token) else ()

    async def ensure(self, source: NotificationSource) -> None:
        """Create the token of a source, unless there is one; a failure is tried again with the next refresh."""
        key = key_of(source)
        state = self._secrets.get(key)
        if not source.spec.auth.path or not state.known or state.data is not None or state.objection:
            return
        try:
            await call(
                self._client,
                "POST",
                secrets_path(source.namespace),
                body=_secret(source, key.name, self._new_token()),
                seconds=CREATE_SECONDS,
            )
        except KubeError as error:
            if not error.conflict:
                logger.warning(
                    "Secret with the path of a source not created", secret="/".join(key), error=str(error)
                )
                return
        else:
            logger.info("Secret with the path of a source created", secret="/".join(key))
        await self._secrets.refresh((key,))


def _secret(source: NotificationSource, name: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": source.namespace,
            "labels": {names.SOURCES_SECRET_LABEL: "true", names.SOURCE_LABEL: source.name},
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.SOURCE_KIND,
                    "name": source.name,
                    "uid": source.uid,
                }
            ],
        },
        "type": "Opaque",
        "data": {names.SOURCE_PATH_KEY: b64encode(token.encode()).decode()},
    }
