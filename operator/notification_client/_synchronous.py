"""The synchronous client."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from notification_client._gateway import PAUSE, TRIES, Answer, Requests, status_in
from notification_client._message import (
    LEAST_SECONDS,
    Status,
    looks,
    notification,
    status_of,
    time_limit,
)
from notification_contract.names import GROUP, PLURAL, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from notification_client._gateway import Request, Token
    from notification_client._message import Options

READS: Final = 4
"""Times that the Kubernetes client reads at most, each with the whole time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """A notification in the cluster; `created` is False if its deduplication key had created it before.

    Through the gateway, it is also False if this call created it and the answer was lost: do not rely on it for what must happen once.
    """

    namespace: str
    name: str
    created: bool
    server: Cluster | Gateway

    def status(self) -> Status:
        """Return what the operator has recorded now; raises `ApiException`, or `TimeoutError` if the API server does not answer."""
        return self.server.status(self.namespace, self.name)

    def wait(self, seconds: float = 60.0) -> Status:
        """Return the status once the delivery is over, also if it failed.

        Raises:
            TimeoutError: it is not over after so many seconds.
            ApiException: the object cannot be read, or was deleted.
            ConnectionError: the gateway cannot be reached.
        """
        end, state = time.monotonic() + seconds, "cannot be read"
        for pause in looks(seconds):
            time.sleep(pause)  # between two polls
            try:
                status = self.server.status(self.namespace, self.name, wait=end - time.monotonic())
            except TimeoutError:
                continue
            if status.final:
                return status
            state = f"is {status.phase}"
        raise TimeoutError(f"{self.namespace}/{self.name} {state} after {seconds:g} s")


class Notifier:
    """Creates notifications in a namespace: at the API server, or through the gateway from outside of the cluster.

    Args:
        namespace: where.
        api: an `ApiClient` of `kubernetes.client`; by default, one with the pod's service account, else with the kubeconfig.
        url: the gateway, such as https://notifications.example.com, in place of the API server.
        token: the bearer token for the gateway, its file, or a function that returns it.
    """

    def __init__(
        self,
        namespace: str,
        *,
        api: Any = None,  # noqa: ANN401 - it has no types
        url: str = "",
        token: Token = "",
    ) -> None:
        self.namespace = namespace
        self._server: Cluster | Gateway = Gateway(Requests(url, token)) if url else Cluster(api)

    def send(self, subject: str, body: str, *, wait: bool = False, **options: Unpack[Options]) -> Handle:
        """Create a notification; with `wait`, return when its delivery is over.

        Raises:
            ApiException: the API server or the gateway refuses it; the body says why. Through the gateway, that includes a key
                that was used with another content.
            TimeoutError: the API server does not answer within 30 s, or `wait` was set, and the delivery takes longer than a minute.
            ConnectionError: the gateway cannot be reached.
            ValueError: the gateway does not accept an option.
        """
        obj = notification(subject, body, options)
        name, created = self._server.create(self.namespace, obj, options.get("once"))
        handle = Handle(namespace=self.namespace, name=name, created=created, server=self._server)
        if wait:
            handle.wait()
        return handle


class Cluster:
    """The API server."""

    def __init__(self, api: Any) -> None:  # noqa: ANN401 - it has no types
        self._api = api

    def create(self, namespace: str, obj: Mapping[str, Any], once: str | None) -> tuple[str, bool]:
        """Create an object; return its name, and False if it was there."""
        from kubernetes import client  # noqa: PLC0415 - takes half a second

        try:
            _in_time(
                self._objects.create_namespaced_custom_object,
                *(GROUP, VERSION, namespace, PLURAL, obj),
                limit=time_limit(None),
            )
        except client.ApiException as error:
            if error.status != HTTPStatus.CONFLICT or once is None:
                raise
            return obj["metadata"]["name"], False
        return obj["metadata"]["name"], True

    def status(self, namespace: str, name: str, *, wait: float | None = None) -> Status:
        """Return the present status."""
        read, place = self._objects.get_namespaced_custom_object, (GROUP, VERSION, namespace, PLURAL, name)
        return status_of(_in_time(read, *place, limit=max(time_limit(wait) / READS, LEAST_SECONDS)))

    @property
    def _objects(self) -> Any:  # noqa: ANN401 - the client has no types
        from kubernetes import client  # noqa: PLC0415 - takes half a second

        if self._api is None:
            self._api = _connect()
        return client.CustomObjectsApi(self._api)


class Gateway:
    """The gateway, from outside of the cluster."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def create(self, namespace: str, obj: Mapping[str, Any], once: str | None) -> tuple[str, bool]:
        """Create a notification; return its name, and False if it was there."""
        answer = self._answered(self._requests.creation(namespace, obj, once))
        # A repeat of this very request finds what it has created.
        return answer.content["name"], once is None or answer.status == HTTPStatus.CREATED

    def status(self, namespace: str, name: str, *, wait: float | None = None) -> Status:
        """Return the status when it is final, or as it is after some seconds."""
        return status_in(self._answered(self._requests.reading(namespace, name, wait)))

    def _answered(self, request: Request) -> Answer:
        """Return the answer of success; a request whose answer is lost, or that may succeed later, is sent again.

        Raises:
            TimeoutError: the caller no longer waits.
        """
        for left in reversed(range(TRIES)):
            try:
                answer = _exchanged(request)
            except (OSError, HTTPException) as error:
                request.check_time(PAUSE if left else 0.0)
                if not left:
                    raise ConnectionError(
                        f"the gateway {self._requests.url} cannot be reached: {error}"
                    ) from error
                time.sleep(PAUSE)  # before the next try
                continue
            if answer.pause is None or not left:
                break
            request.check_time(answer.pause)
            time.sleep(answer.pause)  # as the gateway asks
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            from kubernetes.client import ApiException  # noqa: PLC0415 - takes half a second

            refused = ApiException(status=answer.status, reason=answer.reason)
            refused.body, refused.headers = answer.body.decode(errors="replace"), dict(answer.headers)
            raise refused
        return answer


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for this server only."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def _exchanged(request: Request) -> Answer:
    """Send a request; `Requests` accepts URLs of HTTP only."""
    sent = urllib.request.Request(  # noqa: S310 - as said above
        request.url, data=request.body, headers=dict(request.headers), method=request.method
    )
    try:
        response = _OPENER.open(sent, timeout=request.time_limit)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=headers, body=response.read())


def _in_time(function: Callable[..., Any], *arguments: Any, limit: float) -> Any:  # noqa: ANN401 - the client has no types
    """Call a function of the Kubernetes client, which has no time limit of its own.

    Raises:
        TimeoutError: the API server does not answer.
    """
    from urllib3.exceptions import MaxRetryError  # noqa: PLC0415 - not needed with a gateway
    from urllib3.exceptions import TimeoutError as LateError  # noqa: PLC0415 - as above

    try:
        return function(*arguments, _request_timeout=limit)
    except (LateError, MaxRetryError) as error:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        if not isinstance(reason, LateError):
            raise
        raise TimeoutError(f"the API server does not answer: {error}") from error


def _connect() -> Any:  # noqa: ANN401 - the client has no types
    """Return a client with the pod's service account, else with the kubeconfig."""
    from kubernetes import client, config  # noqa: PLC0415 - takes half a second

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    return client.ApiClient(configuration)
