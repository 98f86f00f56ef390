"""Certificates and tokens are replaced while the operator runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.lane import pause
from tests.chaos.mounts import with_account_files
from tests.chaos.scenario import scenario
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from tests.chaos.operator import ChaosOperator
    from tests.chaos.stage import Stage


def _in_pod(stage: Stage) -> tuple[Path, ChaosOperator]:
    """Start an operator that takes its credentials from the files of a pod's account."""
    folder = Path(stage.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="account-")))
    _write(folder / "token", stage.account.token())
    _write(folder / "namespace", stage.home)
    _write(folder / "ca.crt", stage.lane.servers.authority.file.read_text())
    operator = stage.operator(
        prefix=with_account_files(folder),
        variables={
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(stage.lane.servers.layout.api),
        },
    )
    return folder, operator


def _write(file: Path, content: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(content)
    new.rename(file)


@scenario("The account's token becomes invalid, and its file gets a new one 10 s later", final_within=120)
def rotated_token(stage: Stage) -> None:
    folder, operator = _in_pod(stage)
    stage.create(5)
    stage.settle(within=30)
    stage.account.renew()
    pause(12)  # the API server remembers for 10 s that the token was valid
    stage.create(5)
    eventually(lambda: "401" in operator.log, bool, within=30)
    _write(folder / "token", stage.account.token())


@scenario("The API server gets a new certificate of the same authority, and restarts")
def rotated_certificate(stage: Stage) -> None:
    servers = stage.lane.servers
    stage.operator()
    stage.answer({"code": 503}, times=8)
    stage.create(5)
    servers.rotate_certificate(servers.authority)
    pause(3)
    stage.create(5)
    servers.api.kill()
    servers.start()
    stage.create(5)


@scenario(
    "The cluster's authority is replaced: the file has both for a while, then the server uses the new one",
    final_within=150,
)
def rotated_authority(stage: Stage) -> None:
    servers = stage.lane.servers
    folder, _ = _in_pod(stage)
    stage.create(5)
    stage.settle(within=30)
    _write(folder / "ca.crt", servers.both_authorities)
    stage.cleanup.callback(servers.rotate_certificate, servers.authority)
    servers.rotate_certificate(servers.next_authority)
    servers.api.kill()
    servers.start()
    stage.create(5)
