"""Which server, namespace and credentials a kubeconfig means: the same as for the Kubernetes client."""

from __future__ import annotations

import json
import ssl
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import aio as kubernetes_aio

from notification_cli.errors import CliError
from notification_cli.kube import credentials as credentials_module
from notification_cli.kube.connection import _proxy
from notification_cli.kube.credentials import Credentials
from notification_cli.kube.kubeconfig import Access, Profile, read_profile
from notification_cli.kube.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def kubeconfig(folder: Path, *, name: str = "config", server: str = "https://a:6443", **user: Any) -> Path:
    """Write a kubeconfig with one context of its own name."""
    document = {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"in-{name}"}}],
        "current-context": name,
    }
    file = folder / name
    file.write_text(yaml.safe_dump(document), "utf-8")
    return file


def profile(user: Mapping[str, Any], **cluster: Any) -> Profile:
    return Profile(
        context="dev", namespace="shop", cluster={"server": "https://a:6443", **cluster}, user=user
    )


async def headers_of(user: Mapping[str, Any]) -> dict[str, str]:
    return dict(await Credentials(profile(user)).headers())


@pytest.mark.parametrize(
    "user",
    [{"token": "t"}, {"username": "ann", "password": "p:w"}, {}],
    ids=["token", "password", "nothing"],
)
async def test_credentials_are_those_of_the_kubernetes_client(tmp_path: Path, user: dict[str, str]) -> None:
    file = kubeconfig(tmp_path, server="https://host.example:6443/k8s/clusters/c-1", **user)
    configuration = kubernetes_aio.client.Configuration()
    await kubernetes_aio.config.load_kube_config(str(file), client_configuration=configuration)
    read = read_profile(Access(kubeconfig=str(file)))
    assert read.cluster["server"] == configuration.host
    theirs = await configuration.get_api_key_with_prefix("BearerToken") or None
    assert dict(await Credentials(read).headers()).get("Authorization") == theirs


def test_first_file_decides_and_paths_are_relative_to_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeconfig(tmp_path, name="first", tokenFile="token")
    (tmp_path / "other").mkdir()
    second = kubeconfig(tmp_path / "other", name="second", server="https://b:6443", token="t")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent:{first}:{second}")
    assert read_profile(Access()).user == {"tokenFile": str(tmp_path / "token")}
    other = read_profile(Access(context="second"))
    assert (other.cluster["server"], other.namespace, other.user) == (
        "https://b:6443",
        "in-second",
        {"token": "t"},
    )
    assert read_profile(Access(context="second", namespace="mine")).namespace == "mine"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "ParserError"),
        ("[]", "cannot be used"),
        ("{}", "it has no current context; choose one with --context"),
        ("current-context: x", "it has no context x; its contexts are none"),
        ("{current-context: x, contexts: [{name: x, context: {cluster: c}}]}", "no cluster with a server"),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"  # noqa: ISC004 - one document
            "clusters: [{name: c, cluster: {server: s}}]",
            "names the user u",
        ),
        ("{contexts: 5, current-context: x}", "TypeError"),
    ],
)
def test_unusable_kubeconfig_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "config"
    file.write_text(text, "utf-8")
    with pytest.raises(CliError) as error:
        read_profile(Access(kubeconfig=str(file)))
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


async def test_program_of_the_kubeconfig_is_asked_again_when_its_token_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "login.py"
    script.write_text(
        "import json, os, pathlib\n"
        f"calls = pathlib.Path({str(tmp_path / 'calls')!r})\n"
        "number = int(calls.read_text()) + 1 if calls.exists() else 1\n"
        "calls.write_text(str(number))\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "token = f\"{os.environ['WHO']} {number} {info['spec']['cluster']['server']}\"\n"
        "status = {'token': token, 'expirationTimestamp': '2026-03-01T12:00:00Z'}\n"
        "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': info['apiVersion'], 'status': status}))\n",
        "utf-8",
    )
    settings = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(script)],
        "env": [{"name": "WHO", "value": "ann"}],
        "provideClusterInfo": True,
    }
    clock = [datetime(2026, 3, 1, 11, 0, tzinfo=UTC)]
    monkeypatch.setattr(credentials_module, "now", lambda: clock[0])
    credentials = Credentials(profile({"exec": settings}))
    for _ in range(2):
        assert dict(await credentials.headers())["Authorization"] == "Bearer ann 1 https://a:6443"
    clock[0] += timedelta(hours=1)
    assert dict(await credentials.headers())["Authorization"] == "Bearer ann 2 https://a:6443"
    credentials.discard()
    assert "ann 3" in dict(await credentials.headers())["Authorization"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"command": "absent-program", "installHint": "get it\nhere"}, "is not installed; get it here"),
        (
            {"command": sys.executable, "args": ["-c", "import sys; sys.exit('no session')"]},
            "code 1: no session",
        ),
        ({"command": sys.executable, "args": ["-c", "print('hello')"]}, "printed no ExecCredential"),
    ],
)
async def test_program_that_fails_is_one_line(settings: dict[str, Any], problem: str) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **settings}}
    with pytest.raises(CliError) as error:
        await headers_of(user)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


async def test_token_file_is_read_again_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [datetime(2026, 3, 1, tzinfo=UTC)]
    monkeypatch.setattr(credentials_module, "now", lambda: clock[0])
    file = tmp_path / "token"
    file.write_text("one\n", "utf-8")
    credentials = Credentials(profile({"tokenFile": str(file)}))
    assert dict(await credentials.headers())["Authorization"] == "Bearer one"
    file.write_text("two\n", "utf-8")
    assert dict(await credentials.headers())["Authorization"] == "Bearer one"
    clock[0] += timedelta(seconds=61)
    assert dict(await credentials.headers())["Authorization"] == "Bearer two"
    file.unlink()
    credentials.discard()
    with pytest.raises(CliError, match="No such file"):
        await credentials.headers()


async def test_impersonation_is_in_the_headers_of_every_request() -> None:
    user = {"token": "t", "as": "bob", "as-groups": ["a", "b"], "as-user-extra": {"Reason": ["x"]}}
    headers = await Credentials(profile(user)).headers()
    assert headers == [
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-Reason", "x"),
        ("Authorization", "Bearer t"),
    ]


def test_certificates_are_checked_unless_the_kubeconfig_says_otherwise() -> None:
    credentials = credentials_module.Issued()
    strict = tls_context(profile({}), credentials)
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    lax = tls_context(profile({}, **{"insecure-skip-tls-verify": True}), credentials)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    with pytest.raises((OSError, ValueError)):
        tls_context(profile({}, **{"certificate-authority-data": "bm9uZQ=="}), credentials)


def test_proxy_is_that_of_the_kubeconfig_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert _proxy(profile({})) == "http://proxy:3128"
    assert _proxy(profile({}, **{"proxy-url": "http://other:1"})) == "http://other:1"
    assert _proxy(profile({}, server="https://127.0.0.1:6443")) == ""
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert _proxy(profile({}, server="https://10.1.2.3:6443")) == ""
    with pytest.raises(CliError, match="scheme socks5"):
        _proxy(profile({}, **{"proxy-url": "socks5://p:1"}))


def test_kubeconfig_in_json_is_read_too(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path)
    file.write_text(json.dumps(yaml.safe_load(file.read_text("utf-8"))), "utf-8")
    assert read_profile(Access(kubeconfig=str(file))).namespace == "in-config"
