"""What the checks of the gateway share: the kind of sources on the API server, and a namespace of their own each."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from notification_contract import names
from notification_contract.crds import notification_source
from tests.api_server.conftest import KIND, NAMESPACE
from tests.api_server.gateway.place import Place, faulty
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api_server.conftest import ApiServer
    from tests.api_server.gateway.place import Faulty, Replica

SOURCES = f"{KIND}/{NAMESPACE}/{names.SOURCE_PLURAL}"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{names.SOURCE_CRD}"


def install(api_server: ApiServer) -> None:
    """Apply the definition of the kind, and wait until it is served."""
    api_server.cluster.apply(notification_source())
    eventually(lambda: is_served(api_server), bool, within=30)


def remove(api_server: ApiServer) -> None:
    """Delete the definition of the kind, and wait until it is not served any more."""
    assert api_server.send("DELETE", CRD).code == HTTPStatus.OK
    eventually(lambda: is_served(api_server), lambda served: not served, within=30)


def is_served(api_server: ApiServer) -> bool:
    # The path of a kind that is not served has a plain page.
    with contextlib.suppress(json.JSONDecodeError):
        return api_server.send("GET", SOURCES).code == HTTPStatus.OK
    return False


@pytest.fixture(scope="session")
def sources(api_server: ApiServer) -> Iterator[ApiServer]:
    """The API server with the kind."""
    install(api_server)
    yield api_server
    api_server.send("DELETE", CRD)


@pytest.fixture
def hook(sources: ApiServer) -> Iterator[None]:
    """The Secret `hook` of the operator's namespace, which sources may use; its token is `s3cret-of-a-sender`."""
    secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    labels = {"kubernaut.ai/sources": "true"}
    secret = {"metadata": {"name": "hook", "labels": labels}, "stringData": {"token": "s3cret-of-a-sender"}}
    assert sources.send("POST", secrets, secret).code == HTTPStatus.CREATED
    yield
    sources.send("DELETE", f"{secrets}/hook")


@pytest.fixture
def place(sources: ApiServer, tmp_path: Path) -> Iterator[Place]:
    """A namespace with the account of a gateway and the Secret `hook`; its replicas end with the test."""
    made = Place(sources, tmp_path)
    yield made
    made.close()


@pytest.fixture
def replica(place: Place) -> Replica:
    """A replica of the gateway."""
    return place.replica()


@pytest.fixture
def replicas(place: Place) -> tuple[Replica, Replica]:
    """Two replicas of the gateway."""
    return place.replica("gateway-0"), place.replica("gateway-1")


@pytest.fixture
def away(sources: ApiServer, tmp_path: Path) -> Iterator[Faulty]:
    """A proxy in front of the API server, which injects faults."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with faulty(sources, folder) as ready:
        yield ready
