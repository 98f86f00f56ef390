"""Users of the cluster: whose token it is, and what they may do, as the API server says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_domain.flow_control.rate import Bucket, Rate
from notification_domain.json_values import entries, mapping, text
from notification_gateway.authentication.unverified import LEEWAY, claims_of
from notification_gateway.errors import Unavailable
from notification_gateway.shared_calls import SharedCalls
from notification_runtime.fair.lru import LruMap
from notification_runtime.kube.requests import KubeError, call

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import datetime

    from kubernetes.aio.client import ApiClient

    from notification_gateway.authentication.unverified import Claims

REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
SECONDS: Final = 5.0
"""Time limit of a review."""
FRESH_SECONDS: Final = 10.0
"""How long an answer counts, as in the API server itself: a burst of one sender asks once."""
KEPT: Final = 1024
REVIEWS_AT_A_TIME: Final = 20
REVIEW_RATE: Final = Rate(per_second=50.0, burst=50)
"""Of tokens that were not accepted before: strangers can make as many as they like (DD-STRANGER-001)."""
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
        client: has connections of which the storing of messages takes none.
        clock: the present time, by which tokens end.
        seconds: a monotonic clock.
    """

    def __init__(
        self, client: ApiClient, *, clock: Callable[[], datetime], seconds: Callable[[], float]
    ) -> None:
        self._client = client
        self._clock = clock
        self._seconds = seconds
        self._users: LruMap[Hashable, tuple[float, User]] = LruMap(KEPT)
        self._refused: LruMap[Hashable, float] = LruMap(KEPT)
        """Until when the refusal of a token counts; apart, so that strangers displace no user."""
        self._budget = Bucket.full(REVIEW_RATE, seconds())
        self._turns = asyncio.Semaphore(REVIEWS_AT_A_TIME)
        self._permissions: LruMap[Hashable, tuple[float, bool]] = LruMap(KEPT)
        self._reviews: SharedCalls[Hashable, dict[str, Any]] = SharedCalls()

    async def user_of(self, token: str, audience: str) -> User | None:
        """Return the ServiceAccount of a token that is meant for this audience, and for no other; None if it is none.

        Raises:
            Unavailable: the API server does not answer, or has been asked too often.
        """
        claims, now = claims_of(token), self._seconds()
        # A token that is valid for the API server, too, is refused: senders must not hand it out.
        if claims is None or claims.audiences != (audience,) or not self._is_issued(claims):
            return None
        key = sha256(token.encode()).digest(), audience
        known = self._users.get(key)
        if known is not None and known[0] > now:
            return known[1]
        if self._refused.get(key, 0.0) > now:
            return None
        spec = {"token": token, "audiences": [audience]}
        review = self._review if known else self._review_of_stranger
        answer = await self._reviews.get(key, partial(review, REVIEWS, "TokenReview", spec))
        status = mapping(answer.get("status"))
        is_valid = status.get("authenticated") is True and audience in entries(status.get("audiences"))
        user = _user(mapping(status.get("user"))) if is_valid else None
        if user is None or not user.name.startswith(SERVICE_ACCOUNT):
            self._users.pop(key)
            self._refused.put(key, self._seconds() + FRESH_SECONDS)
            return None
        self._users.put(key, (self._seconds() + FRESH_SECONDS, user))
        return user

    async def may(self, user: User, verb: str, namespace: str, name: str = "") -> bool:
        """Return whether a user may do something with NotificationRequests of a namespace.

        Raises:
            Unavailable: the API server does not answer.
        """
        # A provider may give its users names of any length.
        key = sha256(repr((user, verb, namespace, name)).encode()).digest()
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

    def _is_issued(self, claims: Claims) -> bool:
        """Return whether a token can be one of the cluster, as far as it says so itself."""
        issuer = _issuer(self._client.configuration.api_key.get("BearerToken", ""))
        is_fresh = claims.expires + LEEWAY > self._clock().timestamp()
        return is_fresh and issuer in {"", claims.issuer}

    async def _review_of_stranger(self, path: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        now = self._seconds()
        if self._turns.locked() or self._budget.seconds_until(1, now):
            raise Unavailable("too many tokens are being reviewed", retry_after=1.0)
        self._budget = self._budget.take(1, now)
        async with self._turns:
            return await self._review(path, kind, spec)

    async def _review(self, path: str, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        group = path.split("/")[2]
        body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
        try:
            return await call(self._client, "POST", path, body=body, seconds=SECONDS)
        except KubeError as error:
            raise Unavailable(f"the API server does not answer a {kind} now") from error


@lru_cache(maxsize=1)
def _issuer(credentials: str) -> str:
    """Return the issuer of the cluster, which the gateway's own token names; empty where its credentials are no such token."""
    claims = claims_of(credentials.rpartition(" ")[2])
    return claims.issuer if claims and claims.subject.startswith(SERVICE_ACCOUNT) else ""


def _user(found: Mapping[str, Any]) -> User:
    return User(
        name=text(found.get("username")),
        uid=text(found.get("uid")),
        groups=tuple(map(text, entries(found.get("groups")))),
        extra=tuple(
            (each, tuple(map(text, entries(values)))) for each, values in mapping(found.get("extra")).items()
        ),
    )
