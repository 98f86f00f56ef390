"""A client for the sink: scripts receivers and stub channels, and returns what reached them."""

from __future__ import annotations

from typing import Any, TypeAlias

from tests.harness.eventually import eventually
from tests.harness.json_client import JsonClient

Object: TypeAlias = dict[str, Any]

PAGE = 1000
KINDS = ("sent", "failed", "acknowledged", "escalated")


class StubScripts:
    """The scripts of the stub channels, and their calls."""

    def __init__(self, base: str) -> None:
        self._sink = JsonClient(base)

    def script(self, namespace: str, name: str, channel: str, *actions: Object) -> None:
        """Set the actions of a stub channel for one object, call by call; the last one repeats."""
        self._sink.request("PUT", f"/scripts/{namespace}/{name}/{channel}", list(actions))

    def calls(self, namespace: str, name: str, channel: str | None = None) -> list[Object]:
        """Return the calls for one object, oldest first; `at` is the time in seconds."""
        result: list[Object] = self._sink.request("GET", f"/calls/{namespace}/{name}")
        return [call for call in result if channel in (None, call["channel"])]

    def called(self, namespace: str, name: str, *, within: float = 10.0) -> list[Object]:
        return eventually(lambda: self.calls(namespace, name), bool, within=within)


class _Receiver:
    """A webhook receiver of one operator."""

    kind: str

    def __init__(self, base: str, operator: str) -> None:
        self._sink = JsonClient(base)
        self._operator = operator

    def answer(self, about: Object | str, *answers: Object) -> None:
        """Set the answers to requests about a notification, one by one; the last one repeats.

        Requests are identified by the notification's subject, or by a text that is in several subjects.
        Keys of an answer: code, body, body_base64, headers, delay (seconds), held (until the next call of this
        function for the same notification), never, drop.
        """
        token = about if isinstance(about, str) else about["spec"]["subject"]
        self._sink.request("PUT", f"/answers/{self.kind}", {"token": token, "answers": list(answers)})

    def hits(self, about: Object | str | None = None) -> list[Object]:
        """Return the requests about a notification, or with a text in their subject, or all; oldest first.

        A hit has: at, ended, method, path, headers, body, json, key, code, completed, connection. While
        it is open, `code` and `ended` are None; an aborted one has `ended`, but no `code`.
        """
        narrowed = {"token": about if isinstance(about, str) else ""}
        if isinstance(about, dict):
            uid = about["metadata"].get("uid")
            narrowed = {"uid": uid} if uid else {"token": about["spec"]["subject"]}
        result: list[Object] = self._sink.request(
            "GET", f"/hits/{self._operator}", kind=self.kind, **narrowed
        )
        return result

    def hit(self, about: Object | str, *, within: float = 10.0) -> Object:
        """Wait for the first request about a notification, and return it; it may still be open."""
        return eventually(lambda: self.hits(about), bool, within=within)[0]

    def connections(self) -> list[Object]:
        """Return the TCP connections that carried requests: id, opened, closed or None, requests."""
        result: list[Object] = self._sink.request("GET", f"/connections/{self._operator}", kind=self.kind)
        return result


class SlackSink(_Receiver):
    """A receiver like Slack's; tokens are matched with the text of the header block."""

    kind = "slack"


class WebhookSink(_Receiver):
    """A generic receiver; tokens are matched with the whole body."""

    kind = "webhook"


class AuditStore:
    def __init__(self, base: str, operator: str) -> None:
        self._sink = JsonClient(base)
        self._operator = operator
        self._base = f"/audit/{operator}"

    def answer(self, *answers: Object) -> None:
        """Set the answers to batch writes, one by one; the last one repeats, `{}` or nothing is success.

        An answer with a code stores nothing, except with `"store": true`, which loses only the response.
        """
        self._sink.request("PUT", f"{self._base}/answers", list(answers))

    def events(self, obj: Object | None = None, kind: str | None = None) -> list[Object]:
        """Return the events about a notification (without one all), of one kind or all, in their order.

        Without a uid, all events about the name count.
        """
        assert kind in (None, *KINDS), f"{kind!r} is no kind of event: {', '.join(KINDS)}"
        narrowed: Object = {"event_type": kind and f"notification.message.{kind}"}
        if obj is not None:
            narrowed |= {"namespace": obj["metadata"]["namespace"], "resource_id": obj["metadata"]["name"]}
        result = self.read(event_category="notification", **narrowed)
        uid = None if obj is None else obj["metadata"].get("uid")
        return [event for event in result if uid is None or _is_about(event, uid)]

    def read(self, **filters: object) -> list[Object]:
        """Return all events that pass the filters, page by page."""
        result: list[Object] = []
        while True:
            page = self._sink.request(
                "GET", f"{self._base}/api/v1/audit/events", limit=PAGE, offset=len(result), **filters
            )
            result += page["data"]
            if not page["pagination"]["has_more"]:
                return result

    def writes(self) -> list[Object]:
        """Return the batch writes, as hits without a body, including failed ones."""
        result: list[Object] = self._sink.request("GET", f"/hits/{self._operator}", kind="audit")
        return result


def _is_about(event: Object, uid: str) -> bool:
    return uid in (event["correlation_id"], event["event_data"].get("notification_id"))
