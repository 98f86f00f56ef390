"""Which server, namespace and credentials a kubeconfig means."""

from __future__ import annotations

import json
import ssl
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.errors import CliError
from notification_cli.kube import kubeconfig as kubeconfig_module
from notification_cli.kube.kubeconfig import Access, Login, log_in
from tests.harness.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


def kubeconfig(
    folder: Path, *, name: str = "config", server: str = "https://a:6443", cluster: Any = (), **user: Any
) -> Path:
    """Write a kubeconfig with one context of its own name."""
    document = {
        "clusters": [{"name": name, "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"in-{name}"}}],
        "current-context": name,
    }
    file = folder / name
    file.write_text(yaml.safe_dump(document), "utf-8")
    return file


async def headers_of(folder: Path, **user: Any) -> dict[str, str]:
    return dict((await log_in(Access(kubeconfig=str(kubeconfig(folder, **user))))).headers)


async def login_at(folder: Path, server: str = "https://a:6443", /, **cluster: Any) -> Login:
    """Log in without credentials."""
    return await log_in(Access(kubeconfig=str(kubeconfig(folder, server=server, cluster=cluster))))


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "t"}, "Bearer t"),
        ({"username": "ann", "password": "p:w"}, "Basic YW5uOnA6dw=="),
        ({}, None),
    ],
    ids=["token", "password", "nothing"],
)
async def test_login_is_what_the_kubeconfig_says(
    tmp_path: Path, user: dict[str, str], header: str | None
) -> None:
    file = kubeconfig(tmp_path, server="https://host.example:6443/k8s/clusters/c-1/", **user)
    login = await log_in(Access(kubeconfig=str(file)))
    assert login.configuration.host == "https://host.example:6443/k8s/clusters/c-1"
    assert dict(login.headers).get("Authorization") == header
    assert (login.context, login.access.namespace, login.until) == ("config", "in-config", None)


async def test_first_file_decides_and_paths_are_relative_to_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeconfig(tmp_path, name="first", tokenFile="token")
    (tmp_path / "token").write_text("one\n", "utf-8")
    (tmp_path / "other").mkdir()
    second = kubeconfig(tmp_path / "other", name="second", server="https://b:6443", token="t")
    (tmp_path / "empty").touch()
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent:{tmp_path}/empty:{first}:{second}")
    assert dict((await log_in(Access())).headers) == {"Authorization": "Bearer one"}
    other = await log_in(Access(context="second"))
    assert (other.configuration.host, other.access.namespace) == ("https://b:6443", "in-second")
    assert dict(other.headers) == {"Authorization": "Bearer t"}
    assert (await log_in(Access(context="second", namespace="mine"))).access.namespace == "mine"


async def test_renewed_login_keeps_its_context_when_the_current_one_changes(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, token="t")
    login = await log_in(Access(kubeconfig=str(file)))
    document = yaml.safe_load(file.read_text("utf-8"))
    document["contexts"].append({"name": "other", "context": document["contexts"][0]["context"]})
    file.write_text(yaml.safe_dump({**document, "current-context": "other"}), "utf-8")
    assert (await log_in(Access(kubeconfig=str(file)))).context == "other"
    assert (await log_in(login.access)).context == "config"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "it is not YAML in line 1, column 5; correct it there"),
        ("[]", "cannot be used"),
        ("{}", "it has no current context; choose one with --context"),
        ("current-context: x", "it has no context x; its contexts are none"),
        ("{current-context: x, contexts: [{name: x, context: {cluster: c}}]}", "no cluster with a server"),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"  # noqa: ISC004 - one document
            "clusters: [{name: c, cluster: {server: s}}]",
            "names the user u",
        ),
        ("{contexts: 5, current-context: x}", "it is malformed; kubectl config view shows what is in it"),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"  # noqa: ISC004 - one document
            "clusters: [{name: c, cluster: {server: 'https://s'}}]\n"
            "users: [{name: u, user: {client-certificate: absent, client-key: absent}}]",
            "/absent",
        ),
    ],
)
async def test_unusable_kubeconfig_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "config"
    file.write_text(text, "utf-8")
    with pytest.raises(CliError) as error:
        await log_in(Access(kubeconfig=str(file)))
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


async def test_program_of_the_kubeconfig_gets_its_cluster_and_issues_a_token(tmp_path: Path) -> None:
    script = tmp_path / "login.py"
    script.write_text(
        "import json, os\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "token = f\"{os.environ['WHO']} {info['spec']['cluster']['server']}\"\n"
        "status = {'token': token, 'expirationTimestamp': '2026-03-01T12:00:00Z'}\n"
        "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': info['apiVersion'], 'status': status}))\n",
        "utf-8",
    )
    (tmp_path / "python").symlink_to(sys.executable)
    settings = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./python",
        "args": [str(script)],
        "env": [{"name": "WHO", "value": "ann"}],
        "provideClusterInfo": True,
    }
    login = await log_in(Access(kubeconfig=str(kubeconfig(tmp_path, exec=settings))))
    assert dict(login.headers)["Authorization"] == "Bearer ann https://a:6443"
    assert login.until == datetime(2026, 3, 1, 12, tzinfo=UTC) - kubeconfig_module.MARGIN


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
async def test_program_that_fails_is_one_line(tmp_path: Path, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(CliError, match="the credentials of config cannot be used: ") as error:
        await headers_of(tmp_path, exec={"apiVersion": "client.authentication.k8s.io/v1", **settings})
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


async def test_pod_without_a_kubeconfig_uses_its_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Authority(tmp_path).file.rename(tmp_path / "ca.crt")
    (tmp_path / "token").write_text("of the pod", "utf-8")
    (tmp_path / "namespace").write_text("drills\n", "utf-8")
    monkeypatch.setattr(kubeconfig_module, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    login = await log_in(Access())
    assert (login.configuration.host, login.access.namespace) == ("https://[fd00::1]:443", "drills")
    assert dict(login.headers)["Authorization"].lower() == "bearer of the pod"
    with pytest.raises(CliError, match="there is no kubeconfig at"):
        await log_in(Access(context="dev"))


async def test_impersonation_is_in_the_headers_of_every_request(tmp_path: Path) -> None:
    user: dict[str, Any] = {
        "token": "t",
        "as": "bob",
        "as-groups": ["a", "b"],
        "as-user-extra": {"Reason": ["x"]},
    }
    login = await log_in(Access(kubeconfig=str(kubeconfig(tmp_path, **user))))
    assert login.headers == [
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-Reason", "x"),
        ("Authorization", "Bearer t"),
    ]


async def test_certificates_are_checked_unless_the_kubeconfig_says_otherwise(tmp_path: Path) -> None:
    strict = (await login_at(tmp_path)).tls
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    lax = (await login_at(tmp_path, **{"insecure-skip-tls-verify": True})).tls
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    with pytest.raises(CliError, match="the certificates of config cannot be read"):
        await login_at(tmp_path, **{"certificate-authority-data": "bm9uZQ=="})


async def test_proxy_is_that_of_the_kubeconfig_or_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert (await login_at(tmp_path)).configuration.proxy == "http://proxy:3128"
    named = await login_at(tmp_path, **{"proxy-url": "http://other:1"})
    assert named.configuration.proxy == "http://other:1"
    assert (await login_at(tmp_path, "https://127.0.0.1:6443")).configuration.proxy is None
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert (await login_at(tmp_path, "https://10.1.2.3:6443")).configuration.proxy is None
    with pytest.raises(CliError, match="scheme socks5"):
        await login_at(tmp_path, **{"proxy-url": "socks5://p:1"})


async def test_kubeconfig_in_json_is_read_too(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path)
    file.write_text(json.dumps(yaml.safe_load(file.read_text("utf-8"))), "utf-8")
    assert (await log_in(Access(kubeconfig=str(file)))).access.namespace == "in-config"
