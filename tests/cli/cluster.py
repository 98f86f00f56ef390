"""What tests do with the API server, and the command line under test."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client, config

from notification_contract import crds
from notification_contract.names import CRD, GROUP, PLURAL, RECEIVER_PLURAL, SOURCE_PLURAL, VERSION
from tests.harness.eventually import eventually
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLACE = (GROUP, VERSION)
SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str


class Cluster:
    """An administrator's access to the API server."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = ""
        self.api = config.new_client_from_config(str(kubeconfig))
        self.objects = client.CustomObjectsApi(self.api)

    def install_crd(self, definition: Mapping[str, Any] | None = None) -> None:
        """Create the CRD and wait until it is served."""
        client.ApiextensionsV1Api(self.api).create_custom_resource_definition(
            definition or crds.notification_request()
        )
        eventually(lambda: self._serves(PLURAL), bool, within=SECONDS)

    def install_receivers(self) -> None:
        """Create the CRD of receivers and wait until it is served."""
        definition = crds.notification_receiver()
        client.ApiextensionsV1Api(self.api).create_custom_resource_definition(definition)
        eventually(lambda: self._serves(RECEIVER_PLURAL), bool, within=SECONDS)

    def install_sources(self) -> None:
        """Create the CRD of sources and wait until it is served."""
        definition = crds.notification_source()
        client.ApiextensionsV1Api(self.api).create_custom_resource_definition(definition)
        eventually(lambda: self._serves(SOURCE_PLURAL), bool, within=SECONDS)

    def create_source(
        self, name: str, spec: Mapping[str, Any], *, status: Mapping[str, Any] | None = None
    ) -> None:
        """Create a source, with a status as the gateway would write it."""
        place = (*PLACE, self.namespace, SOURCE_PLURAL)
        meta = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "NotificationSource", "metadata": {"name": name}}
        created: Any = self.objects.create_namespaced_custom_object(*place, {**meta, "spec": dict(spec)})
        if status is not None:
            body = {**created, "status": dict(status)}
            self.objects.replace_namespaced_custom_object_status(*place, name, body)

    def remove_crd(self) -> None:
        """Delete the CRD and all notifications."""
        client.ApiextensionsV1Api(self.api).delete_custom_resource_definition(CRD)
        eventually(lambda: self._serves(PLURAL), lambda served: not served, within=SECONDS)

    def _serves(self, plural: str) -> bool:
        try:
            self.objects.list_cluster_custom_object(*PLACE, plural, limit=1)
        except client.ApiException:
            return False
        return True

    def new_namespace(self) -> None:
        """Create the namespace of a test."""
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        body = {"metadata": {"name": self.namespace}}
        client.CoreV1Api(self.api).create_namespace(body)

    def create(self, name: str, *, status: Mapping[str, Any] | None = None, **spec: Any) -> None:
        """Create a notification, with a status as the operator would write it."""
        obj = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NotificationRequest",
            "metadata": {"name": name},
            "spec": {"type": "simple", "subject": f"About {name}", "body": "b", **spec},
        }
        created: Any = self.objects.create_namespaced_custom_object(*PLACE, self.namespace, PLURAL, obj)
        if status is not None:
            body = {**created, "status": dict(status)}
            self.objects.replace_namespaced_custom_object_status(*PLACE, self.namespace, PLURAL, name, body)

    def create_receiver(
        self, name: str, spec: Mapping[str, Any], *, status: Mapping[str, Any] | None = None, **meta: Any
    ) -> dict[str, Any]:
        """Create a receiver, with a status as the operator would write it."""
        obj = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NotificationReceiver",
            "metadata": {"name": name, **meta},
            "spec": dict(spec),
        }
        created: Any = self.objects.create_namespaced_custom_object(
            *PLACE, self.namespace, RECEIVER_PLURAL, obj
        )
        return created if status is None else self.report(name, status)

    def report(self, name: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Write the status of a receiver."""
        place = (*PLACE, self.namespace, RECEIVER_PLURAL, name)
        obj: Any = self.objects.get_namespaced_custom_object(*place)
        written: Any = self.objects.replace_namespaced_custom_object_status(
            *place, {**obj, "status": dict(status)}
        )
        result: dict[str, Any] = written
        return result

    def read(self, name: str, plural: str = PLURAL) -> dict[str, Any]:
        """Return an object of the test's namespace."""
        obj: Any = self.objects.get_namespaced_custom_object(*PLACE, self.namespace, plural, name)
        result: dict[str, Any] = obj
        return result

    def delete(self, name: str) -> None:
        """Delete a notification of the test's namespace."""
        self.objects.delete_namespaced_custom_object(*PLACE, self.namespace, PLURAL, name)

    def all(self, plural: str = PLURAL) -> list[dict[str, Any]]:
        """Return all objects of the test's namespace."""
        listing: Any = self.objects.list_namespaced_custom_object(*PLACE, self.namespace, plural)
        items: list[dict[str, Any]] = listing["items"]
        return items

    def accepts(self, obj: Mapping[str, Any], plural: str = PLURAL) -> bool:
        """Return whether the API server would store an object, with strict validation of its fields."""
        try:
            self.objects.create_namespaced_custom_object(
                *PLACE, self.namespace, plural, obj, dry_run="All", field_validation="Strict"
            )
        except client.ApiException as error:
            if error.status not in {400, 404, 422}:
                raise
            return False
        return True

    def user(self, folder: Path, *rules: Mapping[str, Any]) -> Path:
        """Return the kubeconfig of a user with these rights in the namespace of the test."""
        name, core = f"user-{uuid.uuid4().hex[:6]}", client.CoreV1Api(self.api)
        core.create_namespaced_service_account(self.namespace, {"metadata": {"name": name}})
        token: Any = core.create_namespaced_service_account_token(
            name, self.namespace, {"spec": {"expirationSeconds": 3600}}
        )
        rbac = client.RbacAuthorizationV1Api(self.api)
        rbac.create_namespaced_role(self.namespace, {"metadata": {"name": name}, "rules": list(rules)})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        rbac.create_namespaced_role_binding(self.namespace, binding)
        return self.with_token(folder, token.status.token)

    def with_token(self, folder: Path, token: str) -> Path:
        """Return a kubeconfig with this token."""
        document = yaml.safe_load(self.kubeconfig.read_text("utf-8"))
        document["users"][0]["user"] = {"token": token}
        file = folder / f"kubeconfig-{uuid.uuid4().hex[:6]}"
        file.write_text(yaml.safe_dump(document), "utf-8")
        return file

    def environment(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the environment of the command line."""
        path = os.pathsep.join((str(ROOT / "operator"), str(ROOT)))
        return {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "PYTHONPATH": path}

    def notif(self, *arguments: str, text: str = "", kubeconfig: Path | None = None) -> Done:
        """Run the command line to its end."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment(kubeconfig),
            input=text,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)


COMMAND = (sys.executable, "-m", "notification_cli")
