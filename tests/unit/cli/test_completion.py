"""Completion: the script of a shell, and the names that the cluster has."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from aiohttp import web

from notification_cli.actions import candidates
from tests.unit.cli.api_server import ApiServer, CommandLine
from tests.unit.cli.samples import sick_receiver
from tests.unit.cli.test_command_line import run, run_here
from tests.unit.loopback import listening
from tests.unit.operator.domain.builders import stored

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer()
    for namespace, name in (("shop", "order-1"), ("shop", "order-2"), ("shop", "bill"), ("bank", "card")):
        server.add("notificationrequests", stored(metadata={"name": name, "namespace": namespace}))
    server.add("notificationreceivers", sick_receiver())
    server.add("notificationreceivers", sick_receiver("on-call", namespace="bank"))
    source: dict[str, Any] = {"metadata": {"name": "alerts", "namespace": "shop"}, "spec": {}}
    server.add("notificationsources", source)
    for name in ("bank", "shop"):
        server.add("namespaces", {"metadata": {"name": name}}, api="v1")
    return server


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("notif show ", ["bill", "order-1", "order-2"]),
        ("notif why ord", ["order-1", "order-2"]),
        ("notif replay -n bank ", ["card"]),
        ("notif ls -n ", ["bank", "shop"]),
        ("notif drill --namespace s", ["shop"]),
        ("notif receivers ", ["checkout"]),
        ("notif test bank/", ["bank/on-call"]),
        ("notif ls --receiver ", ["checkout"]),
        ("notif redrive -n bank --receiver o", ["on-call"]),
        ("notif source show ", ["alerts"]),
        ("notif beat a", ["alerts"]),
        ("notif ls --context ", ["dev"]),
        ("notif ls -o j", ["json"]),
        ("notif completion ", ["bash", "zsh", "fish"]),
    ],
)
async def test_word_is_completed_by_what_the_cluster_has(
    notif: CommandLine, line: str, words: list[str]
) -> None:
    assert await notif.complete(line) == words


async def test_completion_reads_names_and_no_objects(notif: CommandLine, server: ApiServer) -> None:
    await notif.complete("notif show ")
    (request,) = server.requests
    assert request.query == {"limit": str(candidates.MOST)}
    assert "as=PartialObjectMetadataList" in request.accept


async def test_completion_is_silent_where_the_cluster_refuses(notif: CommandLine, server: ApiServer) -> None:
    server.denied = {"notificationrequests", "namespaces"}
    assert await notif.complete("notif show ") == []
    absent = CommandLine(kubeconfig="/absent")
    assert await absent.complete("notif show ") == await absent.complete("notif ls --context ") == []


async def test_completion_waits_for_neither_a_server_nor_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "SECONDS", 0.3)

    async def hangs(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["5"]}
    async with listening(hangs) as url:
        for user in ({}, {"exec": plugin}):
            config = {
                "current-context": "dev",
                "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "ann"}}],
                "clusters": [{"name": "dev", "cluster": {"server": url}}],
                "users": [{"name": "ann", "user": user}],
            }
            file = tmp_path / "config"
            file.write_text(yaml.safe_dump(config), "utf-8")
            start = time.monotonic()
            assert await CommandLine(kubeconfig=str(file)).complete("notif show ") == []
            assert time.monotonic() - start < 4


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_a_shell_goes_to_standard_output(shell: str) -> None:
    code, out, err = run_here("completion", shell)
    assert (code, err) == (0, "")
    assert f"_NOTIF_COMPLETE=complete_{shell}" in out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=out, text=True, check=True)


def test_completion_of_another_shell_is_wrong_usage() -> None:
    assert run_here("completion", "tcsh") == (
        2,
        "",
        "notif: SHELL: 'tcsh' is not allowed; use one of bash, zsh, fish\n",
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_script_of_bash_completes_a_line() -> None:
    script = run_here("completion", "bash")[1]
    line = "COMP_WORDS=(notif ls --ph); COMP_CWORD=2; _notif_completion ./notif; echo ${COMPREPLY[@]}"
    stub = (
        'env() { echo "$@" | grep -q "COMP_CWORD=2 _NOTIF_COMPLETE=complete_bash ./notif" && echo --phase; }'
    )
    done = subprocess.run(
        ["bash"], input=f"{script}\n{stub}\n{line}\n", text=True, capture_output=True, check=True
    )
    assert done.stdout == "--phase\n"


def test_kubectl_completes_names_of_no_cluster_silently() -> None:
    assert run("show", "", module="notification_cli.completion", KUBECONFIG="/absent")[1:] == ("\n:0\n", "")
