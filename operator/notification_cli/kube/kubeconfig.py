"""The API server and the credentials that a kubeconfig names, or those of the pod.

The Kubernetes client reads them. It lacks what is done here: the current context of the first file, paths relative to the file of the
user, impersonation, and for credential plugins the cluster, a terminal, the hint to install and the end of what they issue.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from notification_cli.clock import now
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_runtime.kube.proxy import session_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from ssl import SSLContext

DEFAULT_PATH: Final = "~/.kube/config"
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SERVICE_ACCOUNT_CONTEXT: Final = "the pod's service account"
"""The name that messages show in place of a context."""
USER_PATHS: Final = frozenset({"client-certificate", "client-key", "tokenFile"})
CLUSTER_INFO: Final = ("server", "certificate-authority-data", "insecure-skip-tls-verify", "tls-server-name")
FILE_LIFETIME: Final = timedelta(seconds=60)
"""A token file is read again after this time, as the kubelet renews it."""
MARGIN: Final = timedelta(seconds=30)
"""An issued credential is renewed so long before its end."""
MAX_REASON: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which API server the user chose; empty for the kubeconfig's own choice."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    patience: float | None = None
    """Seconds for a credential plugin, which then asks nothing; None for any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A context of the kubeconfig, or the pod's service account."""

    access: Access
    """Chooses the same context and namespace again, whatever the kubeconfig says by then."""
    context: str
    """The name, for messages."""
    configuration: Configuration = field(repr=False)
    """Server, name in its certificate, and proxy."""
    tls: SSLContext
    headers: Sequence[tuple[str, str]] = field(repr=False)
    until: datetime | None = None
    """When the credentials must be read again; None if that changes nothing."""


async def log_in(access: Access) -> Login:
    """Read the context that the user chose, else the current one, else the pod's service account.

    Raises:
        CliError: there is no usable kubeconfig.
        ApiError: there are no usable credentials, or no usable proxy.
    """
    paths = _paths(access)
    try:
        # As kubectl: a file without content counts as absent.
        files = [path for path in paths if path.is_file() and path.stat().st_size]
    except OSError as error:
        raise _unusable(access, str(error)) from None
    in_pod = not (access.kubeconfig or access.context) and (SERVICE_ACCOUNT / "token").is_file()
    if not files and not in_pod:
        text = f"there is no kubeconfig at {', '.join(map(str, paths))}; set KUBECONFIG or --kubeconfig"
        raise CliError(text, code=ExitCode.NO_ACCESS)
    try:
        return await _from_files(files, access) if files else _in_cluster(access)
    except CliError:
        raise
    except (OSError, kube_config.ConfigException) as error:
        raise _unusable(access, str(error).removeprefix("Invalid kube-config file. ")) from None
    except Exception as error:  # noqa: BLE001 - the Kubernetes client raises whatever a malformed file causes
        raise _unusable(access, _malformed(error)) from None


def _malformed(error: Exception) -> str:
    """Return where a file is no YAML; of other faults the Kubernetes client knows no more than that there is one."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None:
        return "it is malformed; kubectl config view shows what is in it"
    return f"it is not YAML in line {mark.line + 1}, column {mark.column + 1}; correct it there"


def contexts(access: Access) -> list[str]:
    """Return the names of the contexts.

    Raises:
        Exception: a file is malformed; the Kubernetes client raises whatever that causes.
    """
    files = [path for path in _paths(access) if path.is_file() and path.stat().st_size]
    merged = kube_config.KubeConfigMerger(os.pathsep.join(map(str, files)))
    return [each["name"] for each in merged.config.value["contexts"]]


def _paths(access: Access) -> Sequence[Path]:
    named = [access.kubeconfig] if access.kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return [_expanded(Path(path)) for path in list(filter(None, named)) or [DEFAULT_PATH]]


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        # A user without a home directory, as in a pod.
        return path


def _in_cluster(access: Access) -> Login:
    configuration = Configuration()
    token, authority = str(SERVICE_ACCOUNT / "token"), str(SERVICE_ACCOUNT / "ca.crt")
    InClusterConfigLoader(token, authority, try_refresh_token=False).load_and_set(configuration)
    namespace = access.namespace or (SERVICE_ACCOUNT / "namespace").read_text("utf-8").strip()
    access, until = replace(access, namespace=namespace), now() + FILE_LIFETIME
    return _login(access, SERVICE_ACCOUNT_CONTEXT, configuration, {}, until)


async def _from_files(files: Sequence[Path], access: Access) -> Login:
    merged = kube_config.KubeConfigMerger(os.pathsep.join(map(str, files)))
    # kubectl uses the current context of the first file that has one, the Kubernetes client that of the last.
    current = next(filter(None, (each.get("current-context") for each in merged.config_files.values())), "")
    access = replace(access, context=access.context or current)
    context, cluster, user = _parts(merged.config, access)
    access = replace(access, namespace=access.namespace or context.get("namespace") or "default")
    until = await _resolve(user, cluster, access)
    configuration = Configuration()
    loader = kube_config.KubeConfigLoader(merged.config, access.context, config_base_path=None)
    try:
        await loader.load_and_set(configuration)
        return _login(access, access.context, configuration, user, until)
    finally:
        # OpenSSL reads keys from files only. They must not stay until the process ends, which may be killed.
        kube_config._cleanup_temp_files()  # noqa: SLF001 - no public function removes them


def _parts(config: Any, access: Access) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - without types
    """Return the context, its cluster and its user, whose paths become absolute: parts of the configuration."""
    name = access.context
    contexts = {each["name"]: each.value["context"] for each in config.value["contexts"]}
    if not name:
        raise _unusable(access, "it has no current context; choose one with --context")
    if name not in contexts:
        raise _unusable(access, f"it has no context {name}; its contexts are {', '.join(contexts) or 'none'}")
    context = contexts[name]
    cluster = config["clusters"].get_with_name(context.get("cluster"), safe=True)
    if cluster is None or not (cluster.value.get("cluster") or {}).get("server"):
        raise _unusable(access, f"context {name} has no cluster with a server")
    who = context.get("user") or ""
    user = config["users"].get_with_name(who, safe=True)
    if who and user is None:
        raise _unusable(access, f"context {name} names the user {who}, which it does not have")
    fields: dict[str, Any] = (user.value.get("user") if user else None) or {}
    for key in USER_PATHS & fields.keys():
        fields[key] = str(Path(user.path).parent / fields[key])
    if os.sep in (fields.get("exec") or {}).get("command", ""):
        fields["exec"]["command"] = str(Path(user.path).parent / fields["exec"]["command"])
    # The Kubernetes client cannot do without a user.
    context["user"] = who or "nobody"
    config.value["users"] = [{"name": context["user"], "user": fields}]
    return context, cluster.value["cluster"], fields


async def _resolve(user: dict[str, Any], cluster: Mapping[str, Any], access: Access) -> datetime | None:
    """Replace a credential plugin by what it issues; return when the credentials must be read again."""
    program = user.pop("exec", None)
    if user.get("token"):
        return None
    if user.get("tokenFile") or user.get("auth-provider"):
        return now() + FILE_LIFETIME
    if not program:
        return None
    output = await asyncio.to_thread(_run, program, cluster, access)
    try:
        issued = json.loads(output)["status"]
        user["token"] = issued.get("token", "")
        for key, target in (("Certificate", "client-certificate-data"), ("Key", "client-key-data")):
            if text := issued.get(f"client{key}Data"):
                user[target] = base64.b64encode(text.encode()).decode()
        end = issued.get("expirationTimestamp")
        return datetime.fromisoformat(end) - MARGIN if end else datetime.max.replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _useless(access.context, f"{program['command']} printed no ExecCredential") from None


def _run(program: Mapping[str, Any], cluster: Mapping[str, Any], access: Access) -> str:
    """Run a credential plugin by the contract of client.authentication.k8s.io and return its output."""
    command = shutil.which(program["command"])
    if command is None:
        hint = " ".join(str(program.get("installHint") or "install it, or log in another way").split())
        raise _useless(access.context, f"the program {program['command']} is not installed; {hint}")
    may_ask = access.patience is None and program.get("interactiveMode") != "Never"
    interactive = may_ask and sys.stdin.isatty()
    spec: dict[str, Any] = {"interactive": interactive}
    if program.get("provideClusterInfo"):
        spec["cluster"] = {key: cluster[key] for key in CLUSTER_INFO if key in cluster}
    request = {"apiVersion": program["apiVersion"], "kind": "ExecCredential", "spec": spec}
    variables = {each["name"]: str(each["value"]) for each in program.get("env") or ()}
    done = subprocess.run(  # noqa: S603 - the kubeconfig of the user names it
        [command, *map(str, program.get("args") or ())],
        env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(request)},
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if interactive else subprocess.PIPE,
        text=True,
        check=False,
        timeout=access.patience,
    )
    if done.returncode:
        reason = " ".join((done.stderr or "").split())[-MAX_REASON:]
        raise _useless(access.context, f"{program['command']} ended with code {done.returncode}: {reason}")
    return done.stdout


def _login(
    access: Access,
    context: str,
    configuration: Configuration,
    user: Mapping[str, Any],
    until: datetime | None,
) -> Login:
    # As kubectl: authorities of older clusters lack extensions that newer versions of OpenSSL demand.
    configuration.disable_strict_ssl_verification = True
    try:
        tls = RESTClientObject(configuration).ssl_context
    except (OSError, ValueError) as error:
        text = f"the certificates of {context} cannot be read: {error}"
        raise CliError(text, code=ExitCode.NO_ACCESS) from None
    # As kubectl: the proxy of the kubeconfig, else that of the environment.
    proxy = str(configuration.proxy or session_options(configuration.host).get("proxy") or "")
    if proxy and not proxy.startswith(("http://", "https://")):
        scheme = proxy.partition("://")[0]
        raise ApiError(f"the proxy of {context} has the scheme {scheme}; notif can use http and https only")
    configuration.proxy = proxy or None
    token = str(configuration.api_key.get("BearerToken") or "").strip()
    return Login(
        access=access,
        context=context,
        configuration=configuration,
        tls=tls,
        headers=[*_impersonation(user), *([("Authorization", token)] if token else [])],
        until=until,
    )


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for header, value in (("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))):
        if value:
            yield header, str(value)
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)


def _unusable(access: Access, reason: str) -> CliError:
    where = access.kubeconfig or f"KUBECONFIG or {DEFAULT_PATH}"
    text = f"the kubeconfig ({where}) cannot be used: {' '.join(reason.split())}"
    return CliError(text, code=ExitCode.NO_ACCESS)


def _useless(context: str, reason: str) -> ApiError:
    return ApiError(f"the credentials of {context} cannot be used: {reason}")
