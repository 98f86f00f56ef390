"""A small API server for the gateway: sources to watch, Secrets to read by name, objects to create once, and reviews of users."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kubernetes.aio.client import ApiClient, Configuration

from tests.unit.loopback import listening
from tests.unit.operator.collections_api import CollectionsApi, Object
from tests.unit.operator.kube_api import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

HOME = "notification-system"
REQUESTS, SOURCES = "notificationrequests", "notificationsources"
ALLOWED = {"kubernaut.ai/sources": "true"}
ISSUER = "https://kubernetes.default.svc"
OWN = {"iss": ISSUER, "sub": f"system:serviceaccount:{HOME}:notification-gateway"}
KEY = Ed25519PrivateKey.generate()


class Cluster(CollectionsApi):
    """An API server that also creates objects, shows single ones, and knows users by their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.crds = {REQUESTS, SOURCES}
        self.users: dict[tuple[str, str], str] = {}
        """Names of users by their tokens and audiences."""
        self.permissions: set[tuple[str, str, str]] = set()
        """User, verb and namespace."""
        self.fails: Callable[[str, str, Object], web.Response | None] = lambda _method, _path, _body: None
        """Returns a response in place of the real one, by method, path and body."""
        self.holds: Callable[[str], Awaitable[object]] | None = None
        """Waits between an answer is known and sent, by path."""
        self.now = "2026-11-29T08:00:00Z"
        """The time of the next creation."""
        self.loses_answers = False
        """Whether a created object is stored, and its answer is lost."""

    def source(self, name: str = "alerts", *, namespace: str = HOME, **spec: Any) -> Object:
        """Create or change a source; by default one with the bearer token of the Secret `hook`."""
        spec = {"type": "generic", "auth": {"bearerSecretRef": {"name": "hook"}}, **spec}
        return self.put(SOURCES, namespace, name, spec=spec)

    def secret(
        self, name: str = "hook", *, namespace: str = HOME, labels: dict[str, str] | None = None, **data: str
    ) -> Object:
        """Create or change a Secret that sources may use."""
        encoded = {key.replace("_", "-"): b64encode(text.encode()).decode() for key, text in data.items()}
        meta = {"labels": ALLOWED if labels is None else labels}
        return self.put("secrets", namespace, name, meta=meta, data=encoded)

    @property
    def created(self) -> list[Object]:
        """The notifications, in the order of their names."""
        return [obj for (plural, _, _), obj in sorted(self.objects.items()) if plural == REQUESTS]

    def named(self, plural: str, name: str, namespace: str = HOME) -> Object | None:
        return self.objects.get((plural, namespace, name))

    def posts(self, part: str = REQUESTS) -> int:
        """Return the number of creations, dry runs included."""
        return sum(method == "POST" and part in path for method, path, _ in self.requests)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body: Object = await request.json() if request.can_read_body else {}
        failure = self.fails(request.method, request.path, body)
        if failure is not None:
            self.requests.append((request.method, request.path, dict(request.query)))
            return failure
        answer = await super().handle(request)
        if self.holds is not None:
            await self.holds(request.path)
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911 - one line for each path
        parts = request.path.strip("/").split("/")
        match request.method, parts:
            case "GET", ["version"]:
                return web.json_response({"gitVersion": "v1.34.0"})
            case "POST", [*_, "tokenreviews"]:
                return self._token_review((await request.json())["spec"])
            case "POST", [*_, "subjectaccessreviews"]:
                return self._access_review((await request.json())["spec"])
            case "POST", [*_, "namespaces", namespace, plural]:
                return self._create(await request.json(), namespace, plural, dry="dryRun" in request.query)
            case "GET", [*_, "namespaces", namespace, "leases"]:
                leases = [obj for (plural, _, _), obj in self.objects.items() if plural == "leases"]
                return web.json_response({"items": leases, "metadata": {}})
            case "GET", [*_, "namespaces", namespace, plural] if plural == REQUESTS:
                return self._rows(namespace, request.query["fieldSelector"])
            case method, [*_, "namespaces", namespace, ("secrets" | "leases") as plural, name]:
                return await self._single(request, method, (plural, namespace, name))
        return await super()._answer(request)

    def _rows(self, namespace: str, selector: str) -> web.Response:
        """Return a table of the notifications whose spec has the selected values."""
        wanted = dict(each.removeprefix("spec.").split("=") for each in selector.split(","))
        rows = [
            {"object": {"metadata": obj["metadata"]}}
            for (plural, place, _), obj in self.objects.items()
            if plural == REQUESTS and place == namespace and wanted.items() <= obj["spec"].items()
        ]
        return web.json_response({"metadata": {}, "rows": rows})

    def _token_review(self, spec: Object) -> web.Response:
        (audience,) = spec["audiences"]
        user = self.users.get((spec["token"], audience))
        status = (
            {"authenticated": True, "audiences": [audience], "user": {"username": user, "groups": ["g"]}}
            if user
            else {"authenticated": False}
        )
        return web.json_response({"status": status}, status=201)

    def _access_review(self, spec: Object) -> web.Response:
        attributes = spec["resourceAttributes"]
        allowed = (spec["user"], attributes["verb"], attributes["namespace"]) in self.permissions
        return web.json_response({"status": {"allowed": allowed}}, status=201)

    def _create(self, body: Object, namespace: str, plural: str, *, dry: bool) -> web.Response:
        meta = body["metadata"]
        if (plural, namespace, meta["name"]) in self.objects:
            return refusal(409, f'{plural} "{meta["name"]}" already exists')
        if dry:
            return web.json_response(body, status=201)
        content = {key: value for key, value in body.items() if key not in {"metadata", "apiVersion", "kind"}}
        created = {"creationTimestamp": meta.get("creationTimestamp", self.now)}
        stored = self.put(plural, namespace, meta["name"], meta={**meta, **created}, **content)
        if self.loses_answers and plural == REQUESTS:
            return web.Response(status=504, text="lost")
        return web.json_response(stored, status=201)

    async def _single(self, request: web.Request, method: str, key: tuple[str, str, str]) -> web.Response:
        stored = self.objects.get(key)
        if (
            method == "PUT"
            and key[0] == "leases"
            and "resourceVersion" not in (body := await request.json())["metadata"]
        ):
            if stored is not None:
                return refusal(422, "metadata.resourceVersion: must be specified for an update")
            return web.json_response(self.put(*key, meta=body["metadata"], spec=body["spec"]), status=201)
        if stored is None:
            return refusal(404, "not found")
        if method == "DELETE":
            self.remove(*key)
        elif method == "PUT":
            body = await request.json()
            if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
                return refusal(409, "the object has been modified")
            stored = self.put(*key, meta=body["metadata"], spec=body["spec"])
        return web.json_response(stored)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Cluster]:
    """Run a server."""
    cluster = Cluster()
    async with listening(cluster.handle) as cluster.url:
        try:
            yield cluster
        finally:
            cluster.cut()


@contextlib.asynccontextmanager
async def client_of(cluster: Cluster) -> AsyncIterator[ApiClient]:
    """Return a client of the server, without a limit on connections."""
    configuration = Configuration(host=cluster.url)
    configuration.connection_pool_maxsize = 0
    configuration.retries = None
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.api_key["BearerToken"] = f"bearer {jwt.encode(OWN, KEY, algorithm='EdDSA')}"
    async with ApiClient(configuration) as client:
        yield client
