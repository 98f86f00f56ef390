"""Whether a source accepts the token of a request, of the cluster or of an OpenID Connect provider."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notification_contract.sources.source import NotificationSource
    from notification_gateway.authentication.cluster_users import ClusterUsers
    from notification_gateway.authentication.incoming import Incoming
    from notification_gateway.authentication.oidc import OidcTokens


class Authenticator:
    """Authenticates senders of sources by tokens whose issuer knows them."""

    def __init__(self, users: ClusterUsers, oidc: OidcTokens) -> None:
        self._users = users
        self._oidc = oidc

    async def accepts(self, source: NotificationSource, incoming: Incoming) -> bool:
        """Return whether a source accepts the token of a request.

        Raises:
            Unavailable: the issuer of the token does not answer.
        """
        auth = source.spec.auth
        token = incoming.credentials("bearer")
        if not token:
            return False
        if auth.kubernetes:
            user = await self._users.user_of(token, auth.kubernetes.audience)
            if user is not None and await self._users.may(user, "create", source.namespace):
                return True
        if auth.oidc:
            subject = await self._oidc.subject_of(
                token, issuer=auth.oidc.issuer, audience=auth.oidc.audience, namespace=source.namespace
            )
            return subject is not None and matches(subject, auth.oidc.subject_pattern)
        return False


def matches(subject: str, pattern: str) -> bool:
    """Return whether a pattern stands for the whole of a subject; only * has a meaning in it."""
    literal = "".join(f"[{each}]" if each in "?[" else each for each in pattern)
    return fnmatchcase(subject, literal)
