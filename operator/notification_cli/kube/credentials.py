"""How requests are authenticated: a token, a token file, a password, or a program that returns one of them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from notification_cli.clock import now
from notification_cli.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notification_cli.kube.kubeconfig import Profile

FILE_SECONDS: Final = 60
"""A token file is read again after this time, as the kubelet renews it."""
MARGIN: Final = timedelta(seconds=30)
"""A token is renewed so long before its end."""
SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What a credential says now."""

    token: str = ""
    certificate: str = ""
    """The certificate in PEM."""
    key: str = ""
    until: datetime | None = None


class Credentials:
    """The credentials of one user of the kubeconfig."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._issued: Issued | None = None
        self._renewing = asyncio.Lock()

    @property
    def renewable(self) -> bool:
        """Whether a refused token may be replaced by a new one."""
        return bool(self._profile.user.keys() & {"exec", "tokenFile", "auth-provider"})

    async def issued(self) -> Issued:
        """Return the token or certificate, renewed if it has ended.

        Raises:
            ApiError: there is none.
        """
        async with self._renewing:
            if self._issued is None or (self._issued.until and self._issued.until - MARGIN <= now()):
                self._issued = await self._issue()
            return self._issued

    def discard(self) -> None:
        """Forget a token that the API server has refused."""
        self._issued = None

    async def headers(self) -> list[tuple[str, str]]:
        """Return the headers that authenticate a request."""
        user, token = self._profile.user, (await self.issued()).token
        headers = list(_impersonation(user))
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        elif user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        return headers

    async def _issue(self) -> Issued:
        user = self._profile.user
        if user.get("token"):
            return Issued(token=str(user["token"]))
        if user.get("tokenFile"):
            return self._from_file(Path(user["tokenFile"]))
        if user.get("exec"):
            return await asyncio.to_thread(self._from_program, user["exec"])
        if user.get("auth-provider"):
            return await self._from_library()
        return Issued()

    def _from_file(self, path: Path) -> Issued:
        try:
            token = path.read_text("utf-8").strip()
        except OSError as error:
            raise self._failed(f"{path}: {error.strerror}") from None
        return Issued(token=token, until=now() + timedelta(seconds=FILE_SECONDS) + MARGIN)

    def _from_program(self, settings: Mapping[str, Any]) -> Issued:
        """Run a credential plugin of the kubeconfig, by the contract of client.authentication.k8s.io."""
        interactive = sys.stdin.isatty() and settings.get("interactiveMode") != "Never"
        command = str(settings["command"])
        if os.sep in command:
            command = os.path.join(settings.get("directory", ""), command)  # noqa: PTH118 - stays absolute
        program = shutil.which(command)
        if program is None:
            hint = " ".join(str(settings.get("installHint") or "install it, or log in another way").split())
            raise self._failed(f"the program {settings['command']} is not installed; {hint}")
        variables = {each["name"]: str(each["value"]) for each in settings.get("env") or ()}
        done = subprocess.run(  # noqa: S603 - the kubeconfig of the user names it
            [program, *map(str, settings.get("args") or ())],
            env={
                **os.environ,
                **variables,
                "KUBERNETES_EXEC_INFO": json.dumps(self._request(settings, interactive)),
            },
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = " ".join((done.stderr or "").split())[-SHOWN:]
            raise self._failed(f"{settings['command']} ended with code {done.returncode}: {reason}")
        try:
            status = json.loads(done.stdout)["status"]
            until = status.get("expirationTimestamp")
            return Issued(
                token=str(status.get("token") or ""),
                certificate=str(status.get("clientCertificateData") or ""),
                key=str(status.get("clientKeyData") or ""),
                until=datetime.fromisoformat(until) if until else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._failed(f"{settings['command']} printed no ExecCredential") from None

    def _request(self, settings: Mapping[str, Any], interactive: bool) -> Mapping[str, Any]:  # noqa: FBT001 - private
        spec: dict[str, Any] = {"interactive": interactive}
        if settings.get("provideClusterInfo"):
            cluster = self._profile.cluster
            spec["cluster"] = {
                key: cluster[key]
                for key in (
                    "server",
                    "certificate-authority-data",
                    "insecure-skip-tls-verify",
                    "tls-server-name",
                )
                if key in cluster
            }
        return {"apiVersion": settings["apiVersion"], "kind": "ExecCredential", "spec": spec}

    async def _from_library(self) -> Issued:
        """Let the Kubernetes client renew the tokens of providers that kubeconfigs of old name."""
        from kubernetes.aio import client, config  # noqa: PLC0415 - takes half a second, and is rarely needed

        profile = self._profile
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": profile.cluster["server"]}}],
            "users": [{"name": "c", "user": dict(profile.user)}],
        }
        configuration = client.Configuration()
        try:
            await config.load_kube_config_from_dict(document, client_configuration=configuration)
        except Exception as error:  # noqa: BLE001 - of any provider
            raise self._failed(f"{type(error).__name__}: {error}") from None
        token = str(configuration.api_key.get("BearerToken", "")).removeprefix("Bearer ")
        return Issued(token=token, until=now() + timedelta(seconds=FILE_SECONDS) + MARGIN)

    def _failed(self, reason: str) -> ApiError:
        return ApiError(f"the credentials of {self._profile.context} cannot be used: {reason}")


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of the fields `as` of a user."""
    for header, value in (("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))):
        if value:
            yield header, str(value)
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)
