"""Users of the cluster: whose token it is, and what they may do, as the API server says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_gateway.authentication.unverified import claims_of
from notification_gateway.errors import Unavailable
from notification_gateway.shared_calls import SharedCalls
from notification_operator.domain.json_values import entries, mapping, text
from notification_operator.fair.lru import LruMap
from notification_operator.kube.requests import KubeError, call

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from kubernetes.aio.client import ApiClient

REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SECONDS: Final = 5.0
"""Time limit of a review."""
FRESH_SECONDS: Final = 10.0
"""How long an answer counts, as in the API server itself: a burst of one sender asks once."""
KEPT: Final = 1024
SERVICE_ACCOUNT: Final = "system:serviceaccount:"
AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the cluster, or of an OpenID Connect provider that the settings name."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = (AUTHENTICATED,)
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class ClusterUsers:
    """Asks the API server for users by their tokens, and for their permissions.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, client: ApiClient, *, seconds: Callable[[], float]) -> None:
        self._client = client
        self._seconds = seconds
        self._users: LruMap[Hashable, tuple[float, User | None]] = LruMap(KEPT)
        self._permissions: LruMap[Hashable, tuple[float, bool]] = LruMap(KEPT)
        self._reviews: SharedCalls[Hashable, dict[str, Any]] = SharedCalls()

    async def user_of(self, token: str, audience: str) -> User | None:
        """Return the ServiceAccount of a token that is meant for this audience, and for no other; None if it is none.

        Raises:
            Unavailable: the API server does not answer.
        """
        claims = claims_of(token)
        # A token that is valid for the API server, too, is refused: senders must not hand it out.
        if claims is None or claims.audiences != (audience,):
            return None
        key = sha256(token.encode()).digest(), audience
        known = self._users.get(key)
        if known is not None and known[0] > self._seconds():
            return known[1]
        spec = {"token": token, "audiences": [audience]}
        review = await self._reviews.get(key, partial(self._review, REVIEWS, "TokenReview", spec))
        status = mapping(review.get("status"))
        is_valid = status.get("authenticated") is True and audience in entries(status.get("audiences"))
        user = _user(mapping(status.get("user"))) if is_valid else None
        if user is not None and not user.name.startswith(SERVICE_ACCOUNT):
            user = None
        self._users.put(key, (self._seconds() + FRESH_SECONDS, user))
        return user

    async def may(self, user: User, verb: str, namespace: str, name: str = "") -> bool:
        """Return whether a user may do something with NotificationRequests of a namespace.

        Raises:
            Unavailable: the API server does not answer.
        """
        key = user, verb, namespace, name
        known = self._permissions.get(key)
        if known is not None and known[0] > self._seconds():
            return known[1]
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {each: list(values) for each, values in user.extra},
            "resourceAttributes": {
                "group": names.GROUP,
                "resource": names.PLURAL,
                "verb": verb,
                "namespace": namespace,
                "name": name,
            },
        }
        ask = partial(self._review, ACCESS_REVIEWS, "SubjectAccessReview", spec)
        review = await self._reviews.get(key, ask)
        allowed = mapping(review.get("status")).get("allowed") is True
        self._permissions.put(key, (self._seconds() + FRESH_SECONDS, allowed))
        return allowed

    async def _review(self, path: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        group = path.split("/")[2]
        body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
        try:
            return await call(self._client, "POST", path, body=body, seconds=SECONDS)
        except KubeError as error:
            raise Unavailable(f"no {kind}: {error}") from error


def _user(found: Mapping[str, Any]) -> User:
    return User(
        name=text(found.get("username")),
        uid=text(found.get("uid")),
        groups=tuple(map(text, entries(found.get("groups")))),
        extra=tuple(
            (each, tuple(map(text, entries(values)))) for each, values in mapping(found.get("extra")).items()
        ),
    )
