"""Two tenants and an operator on the API server of these tests, with Secrets whose values must be seen nowhere."""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
import uuid
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from notification_contract.names import SECRET_LABEL
from platform_infra import names
from tests.api_server.tenant_attempts import MOST_RECEIVERS, Call, Who, notifications, receivers, secrets
from tests.harness.eventually import eventually
from tests.harness.notifications import FLAT1, notification
from tests.harness.operator_deployment import METRICS
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.process_account import ProcessAccount
from tests.kit.http_server import QuietHandler, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.api_server.conftest import ApiServer

RBAC = "rbac.authorization.k8s.io"
PLURALS = (names.PLURAL, names.RECEIVER_PLURAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer of the API server to a tenant."""

    code: int
    text: str

    @property
    def message(self) -> str:
        """What the tenant reads."""
        document = json.loads(self.text) if self.text.startswith("{") else {}
        return str(document.get("message", self.text))


class Sink(QuietHandler):
    """Answers each message, and repeats what it got in its headers: once as an error, then as a success."""

    answers: list[int]
    received: list[str]

    def do_POST(self) -> None:  # noqa: N802 - the name that the base class looks for
        got = json.dumps(dict(self.headers))
        self.received.append(got)
        self.answer(got.encode(), status=self.answers.pop(0) if self.answers else 200)


def filled(value: Any, namespaces: Mapping[str, str]) -> Any:
    """Return a text or JSON value with the names of the namespaces in it."""
    match value:
        case str():
            for name, namespace in namespaces.items():
                value = value.replace(f"{{{name}}}", namespace)
            return value
        case dict():
            return {key: filled(each, namespaces) for key, each in value.items()}
        case list():
            return [filled(each, namespaces) for each in value]
    return value


def sent(api_server: ApiServer, token: str, call: Call, namespaces: Mapping[str, str]) -> Response:
    """Send a request with a token, and without any other credential."""
    configuration = api_server.cluster.api.configuration
    pool = urllib3.PoolManager(ca_certs=configuration.ssl_ca_cert)
    answer = pool.request(
        call.method,
        configuration.host + filled(call.path, namespaces),
        body=None if call.body is None else json.dumps(filled(call.body, namespaces)),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}",
            **filled(call.headers, namespaces),
        },
    )
    return Response(code=answer.status, text=answer.data.decode())


def token_of(api_server: ApiServer, namespace: str, account: str) -> str:
    """Return a token of an account for an hour."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = api_server.cluster.request("POST", path, {"spec": {"expirationSeconds": 3600}})
    return str(answer["status"]["token"])


@dataclass(slots=True, kw_only=True)
class Place:
    """The namespaces by the names that the attempts have for them, and the tenants' tokens."""

    api_server: ApiServer
    namespaces: Mapping[str, str]
    tokens: Mapping[Who, str]
    operator: OperatorProcess
    sink: Sink
    url: str
    """Of the sink."""
    values_of: dict[str, list[str]] = field(default_factory=dict)
    """The values of the Secrets by namespace and name, such as `{home}/shared`."""
    answers: list[str] = field(default_factory=list)
    """Everything that the API server has answered to tenants."""

    def filled(self, value: Any) -> Any:
        """Return a text or JSON value with the names of the namespaces in it."""
        return filled(value, self.namespaces)

    def send(self, who: Who, call: Call) -> Response:
        """Send a request with the token of a tenant, and without any other credential."""
        response = sent(self.api_server, self.tokens[who], call, self.namespaces)
        self.answers.append(response.text)
        return response

    def create(self, who: Who, obj: dict[str, Any]) -> Response:
        """Create a notification or a receiver as a tenant."""
        plural = f"{obj['kind'].lower()}s"
        path = receivers if plural == names.RECEIVER_PLURAL else notifications
        return self.send(who, Call(method="POST", path=path(obj["metadata"]["namespace"]), body=obj))

    def receiver(
        self, spec: Mapping[str, Any], *, namespace: str = "{own}", name: str = ""
    ) -> dict[str, Any]:
        """Return a NotificationReceiver."""
        metadata = {"name": name or f"r-{uuid.uuid4().hex[:8]}", "namespace": self.filled(namespace)}
        return {
            "apiVersion": f"{names.GROUP}/{names.VERSION}",
            "kind": names.RECEIVER_KIND,
            "metadata": metadata,
            "spec": self.filled(spec),
        }

    def notification(
        self, spec: Mapping[str, Any], *, namespace: str = "{own}", labels: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return a NotificationRequest that is attempted once."""
        fields = {"retryPolicy": FLAT1, **spec}
        return notification(self.filled(namespace), labels=dict(labels or {}), **self.filled(fields))

    def condition(self, obj: Mapping[str, Any], kind: str) -> dict[str, Any]:
        """Wait until the operator has written a condition of a receiver, and return it."""
        path = f"{receivers(obj['metadata']['namespace'])}/{obj['metadata']['name']}"

        def look() -> dict[str, Any]:
            status = self.api_server.cluster.request("GET", path).get("status", {})
            found = (each for each in status.get("conditions", ()) if each["type"] == kind)
            return next(found, {})

        return eventually(look, lambda seen: seen.get("reason") not in {None, "Pending"}, within=30)

    def final(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Wait until a notification is final, and return its status."""
        where = obj["metadata"]["namespace"], obj["metadata"]["name"]
        status: dict[str, Any] = self.api_server.cluster.final(*where)["status"]
        return status

    def secret(
        self,
        name: str,
        *keys: str,
        namespace: str = "{own}",
        kind: str = "Opaque",
        label: str | None = "true",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Create a Secret with a value of its own under each key, as an administrator."""
        values = {key: f"hush-{uuid.uuid4().hex}" for key in keys}
        self.values_of[f"{namespace}/{name}"] = list(values.values())
        if kind == "kubernetes.io/dockerconfigjson":
            values = {key: json.dumps({"auths": {"r": {"auth": each}}}) for key, each in values.items()}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": self.filled(namespace),
                "labels": {} if label is None else {SECRET_LABEL: label},
                "annotations": dict(annotations or {}),
            },
            "type": kind,
            "data": {key: base64.b64encode(each.encode()).decode() for key, each in values.items()},
        }
        self.api_server.cluster.request("POST", secrets(self.filled(namespace)), secret)

    def everything_shown(self) -> str:
        """Return all that anybody without a right on Secrets can see of the operator's work."""
        request = self.api_server.cluster.request
        paths = [f"/apis/{names.GROUP}/{names.VERSION}/{plural}" for plural in PLURALS]
        parts = [json.dumps(request("GET", path)) for path in (*paths, "/apis/events.k8s.io/v1/events")]
        log = "\n".join(json.dumps(record) for record in self.operator.records())
        return "\n".join((*parts, log, self.operator.page(METRICS, "metrics"), *self.answers))


@contextlib.contextmanager
def tenant_place(api_server: ApiServer) -> Iterator[Place]:
    """Make the namespaces, the tenants with their tokens, what the attempts name, and a running operator."""
    cluster, unique = api_server.cluster, f"tenants-{uuid.uuid4().hex[:8]}"
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="tenants-")))
        tenants = {name: cluster.create_namespace({LABEL: unique}) for name in ("own", "full", "other")}
        home = cluster.create_namespace({**names.labels("namespace"), LABEL: unique})
        namespaces = {**tenants, "home": home}
        for each in namespaces.values():
            cleanup.callback(cluster.core.delete_namespace, each)
        operator = _operator(cluster, home, unique, folder, cleanup)
        handler = type("OneSink", (Sink,), {"answers": [], "received": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        cleanup.enter_context(running(server))
        place = Place(
            api_server=api_server,
            namespaces=namespaces,
            tokens={who: _tenant(api_server, who, namespaces) for who in Who},
            operator=operator,
            sink=handler,  # type: ignore[arg-type]  # the class, which has the lists
            url=f"http://127.0.0.1:{server.server_port}/",
        )
        _furnish(place)
        operator.start()
        yield place


def _operator(
    cluster: Any, home: str, unique: str, folder: Path, cleanup: contextlib.ExitStack
) -> OperatorProcess:
    account = ProcessAccount(cluster, home, namespaced=True)
    cleanup.callback(account.remove)
    account.write_kubeconfig(folder / "kubeconfig")
    settings = {
        "receiversNamespaced": True,
        "receiversTypesElsewhere": ["console", "log", "file", "webhook"],
        "receiversAllowedHosts": ["example.com", "127.0.0.1"],
        "receiversMaxPerNamespace": MOST_RECEIVERS,
        "channelsSlackNamespaces": [home],
    }
    operator = OperatorProcess(
        cluster=cluster,
        spec=OperatorSpec(name=unique, namespace=home, settings=settings),
        sink="http://127.0.0.1:1",
        kubeconfig=folder / "kubeconfig",
    )
    cleanup.callback(operator.stop)
    return operator


def _tenant(api_server: ApiServer, who: Who, namespaces: Mapping[str, str]) -> str:
    """Give an account of its own one role in the tenant's namespaces, and return a token of it."""
    own, name = namespaces["own"], f"with-{who.value}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": own}}
    api_server.apply(account)
    for namespace in (own, namespaces["full"]):
        for role in _roles(api_server, who):
            reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
            binding = {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"{name}-{role.replace(':', '-')}", "namespace": namespace},
                "roleRef": reference,
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": own}],
            }
            api_server.apply(binding)
    return token_of(api_server, own, name)


def _roles(api_server: ApiServer, who: Who) -> list[str]:
    """Return a role, or what the default role `edit` is made of: no controller runs here that aggregates it."""
    if who is not Who.EDIT:
        return [who.value]
    listed = api_server.cluster.request("GET", f"/apis/{RBAC}/v1/clusterroles")["items"]
    wanted = {f"{RBAC}/aggregate-to-{each}" for each in ("view", "edit")}
    return [
        each["metadata"]["name"] for each in listed if wanted & (each["metadata"].get("labels") or {}).keys()
    ]


def _furnish(place: Place) -> None:
    """Create what the attempts name."""
    cluster, filled = place.api_server.cluster, place.filled
    place.secret("database", "password", label=None)
    place.secret("granted", "password", "X-Token")
    place.secret("registry", ".dockerconfigjson", kind="kubernetes.io/dockerconfigjson")
    owner = {"kubernetes.io/service-account.name": f"with-{Who.SENDER}"}
    place.secret("account", "token", kind="kubernetes.io/service-account-token", annotations=owner)
    place.secret("theirs", "password", namespace="{other}")
    place.secret("database", "password", namespace="{other}", label=None)
    place.secret("shared", "X-Token", namespace="{home}")
    everybody = {"allowedNamespaces": {"from": "All"}}
    shared = {
        "url": place.url,
        "insecure": True,
        "allowedNetworks": ["127.0.0.0/8"],
        "headersSecretRef": {"name": "shared", "keys": ["X-Token"]},
    }
    mail = {"host": "mail.example.com", "from": "a@example.com"}
    for name, namespace, spec in (
        ("team", "{own}", {"type": "console"}),
        ("private", "{other}", {"type": "console"}),
        ("shared", "{home}", {"type": "webhook", "webhook": shared, **everybody}),
        (
            "mail",
            "{home}",
            {"type": "email", "email": mail, "recipients": {"allow": ["*@example.com"]}, **everybody},
        ),
    ):
        cluster.apply(place.receiver(spec, namespace=namespace, name=name))
    stored = place.notification({"channels": ["console"]})
    stored["metadata"]["name"] = "stored"
    cluster.create(stored)
    hard = {f"count/{names.PLURAL}.{names.GROUP}": "1"}
    quota = {"metadata": {"name": "notifications"}, "spec": {"hard": hard}}
    path = filled("/api/v1/namespaces/{full}/resourcequotas")
    created = cluster.request("POST", path, quota)
    # No controller runs here that counts what exists.
    created["status"] = {"hard": hard, "used": hard}
    cluster.request("PUT", f"{path}/notifications/status", created)
