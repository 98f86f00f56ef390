"""The client of the API server: found by a kubeconfig; one call is one request."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
import yaml
from kubernetes.aio.client import ApiClient

from atomic_status import Gone, KubeStatusStore, ObjectRef, Unavailable
from notification_runtime.kube.client import Connectivity, UnreachableError, check_reachable, connect
from notification_runtime.kube.objects import RESOURCE
from tests.unit.operator.kube_api import KubeApi, refusal

if TYPE_CHECKING:
    from pathlib import Path

REF = ObjectRef(namespace="shop", name="order-1", uid="uid-1")


@pytest.fixture
def kubeconfig(api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": api.url}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "own"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    return file


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize("code", [429, 500, 503])
async def test_client_does_not_repeat_a_failed_call(api: KubeApi, code: int) -> None:
    cluster = await connect(Connectivity(), pool=2)
    assert cluster.namespace == "own"
    api.refusals = [refusal(code, "overloaded")]
    async with ApiClient(cluster.configuration) as client:
        store = KubeStatusStore(client, RESOURCE)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(store.read(REF), 5)
    assert len(api.requests) == 1


@pytest.mark.usefixtures("kubeconfig")
async def test_call_starts_no_thread(api: KubeApi) -> None:
    cluster = await connect(Connectivity(), pool=2)
    before = threading.active_count()
    async with ApiClient(cluster.configuration) as client:
        with pytest.raises(Gone):
            await KubeStatusStore(client, RESOURCE).read(REF)
    assert len(api.requests) == 1
    assert threading.active_count() == before


async def test_client_uses_the_proxy_of_the_environment(
    api: KubeApi, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace(api.url, "http://api.example.invalid"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, api.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "10.0.0.0/8")
    cluster = await connect(Connectivity(), pool=2)
    async with ApiClient(cluster.configuration) as client:
        with pytest.raises(Gone):
            await KubeStatusStore(client, RESOURCE).read(REF)
    assert len(api.requests) == 1, "the proxy receives the request"


async def test_server_on_this_host_is_reached_without_the_proxy(
    api: KubeApi, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace(api.url, "http://127.0.0.1:9"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, api.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    cluster = await connect(Connectivity(), pool=2)
    async with ApiClient(cluster.configuration) as client:
        with pytest.raises(Unavailable):
            await KubeStatusStore(client, RESOURCE).read(REF)
    assert not api.requests, "the proxy receives no request"


async def test_ipv6_address_of_the_service_is_written_as_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, constant in (("token", "SERVICE_TOKEN_FILENAME"), ("ca.crt", "SERVICE_CERT_FILENAME")):
        (tmp_path / name).write_text("content")
        monkeypatch.setattr(f"kubernetes.aio.config.incluster_config.{constant}", str(tmp_path / name))
    (tmp_path / "namespace").write_text("own\n")
    monkeypatch.setattr("notification_runtime.kube.client.SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00:10:96::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "fd00:10:96::/112")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    cluster = await connect(Connectivity(), pool=2)
    assert cluster.configuration.host == "https://[fd00:10:96::1]:443"
    assert cluster.configuration.client_session_kwargs == {"trust_env": False}


@pytest.mark.usefixtures("kubeconfig")
async def test_check_accepts_an_api_server_that_responds(api: KubeApi) -> None:
    cluster = await connect(Connectivity(), pool=2)
    async with ApiClient(cluster.configuration) as client:
        await check_reachable(client, cluster)
    assert [path for _, path, _ in api.requests] == ["/version"]


@pytest.mark.usefixtures("kubeconfig")
async def test_check_names_server_context_and_refusal(api: KubeApi) -> None:
    cluster = await connect(Connectivity(), pool=2)
    api.refusals = [refusal(403, "not allowed")]
    async with ApiClient(cluster.configuration) as client:
        with pytest.raises(UnreachableError) as error:
            await check_reachable(client, cluster)
    assert str(error.value) == (
        f"the API server at {api.url} (context 'here') refused the request: 403 not allowed"
    )


@pytest.mark.usefixtures("kubeconfig")
async def test_check_does_not_wait_for_a_silent_api_server(
    api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notification_runtime.kube.client.START_SECONDS", 0.05)
    cluster = await connect(Connectivity(), pool=2)
    api.open.clear()
    async with ApiClient(cluster.configuration) as client:
        with pytest.raises(UnreachableError, match=r"\(context 'here'\) did not respond within 0\.05 s"):
            await check_reachable(client, cluster)
