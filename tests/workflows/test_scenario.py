"""The life of a change: tag, promotion, deployment, pull request, preview and rollback, by the workflows as they are shipped.

The repository is a bare remote, the state is in S3 (moto), images are in a registry of this machine, and the cluster is an API server
without nodes. Each job works in a fresh clone with the environment that its YAML gives.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from kubernetes import client

from platform_infra import names
from tests.harness.checkout import WAY_OUT
from tests.harness.local_registry import local_registry
from tests.harness.object_stores.servers import moto
from tests.harness.shared_clusters import OBJECT_CONTROLLERS, kubeconfig, shared_cluster
from tests.workflows.runner import Forge, StepFailedError, run_workflow
from tests.workflows.stubs import write_stubs
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import cache_dir
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.harness.shared_clusters import SharedCluster

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("shared-clusters"),
    pytest.mark.timeout(1800, func_only=True),
]
REPOSITORY, CONTEXT = "acme/platform", "there"
PREFIX = names.PROJECT
EXISTING = {"clusterKind": "existing", "clusterKubeconfig": "~/.kube/config", "clusterContext": CONTEXT}
STACKS: Mapping[str, dict[str, Any]] = {
    "staging": {
        "deployWave": 2,
        "operatorReplicas": 2,
        "previewBase": True,
        "watchNamespaceSelector": "!kubernaut.ai/preview",
        "monitoringMode": "none",
        **WAY_OUT,
    },
    "prod": {
        "deployWave": 3,
        "operatorReplicas": 2,
        "crdManaged": False,
        "operatorNamespace": "notification-prod",
        "monitoringMode": "none",
        **WAY_OUT,
    },
}


@dataclass(kw_only=True)
class World:
    """The forge, the cluster and the registry."""

    forge: Forge
    cluster: SharedCluster
    registry: str
    state: Path
    desk: Path
    """The clone of a maintainer."""

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.desk), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def event(
        self, workflow: str, sha: str = "", *, given: Mapping[str, str] | None = None, **event: Any
    ) -> Any:
        """Send an event; return result and outputs of each job of its workflow."""
        github = {
            "sha": sha or self.git("rev-parse", "main"),
            "actor": "ann",
            "repository": REPOSITORY,
            "server_url": f"file://{self.forge.remote.parents[1]}",
            "workspace": str(self.forge.work / "clone"),
            "ref_name": event.get("ref_name", "main"),
            "event": event,
        }
        return run_workflow(self.forge, workflow, github, given=given)

    def deploy(self) -> dict[str, str]:
        """Push main, and return the result of each wave."""
        self.git("push", "--quiet", "origin", "main")
        results = self.event("deploy.yml")
        (self.state / "deployed").write_text(self.git("rev-parse", "main"))
        return {name: job["result"] for name, job in results.items() if name.startswith("wave-")}

    def merge_promotion(self) -> str:
        """Merge the pull request that a promotion has opened last, and return the image that it sets."""
        branch = (self.state / "opened").read_text().split()[-1]
        self.git("fetch", "--quiet", "origin", branch)
        self.git("merge", "--quiet", "--no-edit", "FETCH_HEAD")
        return next(
            line.split()[-1]
            for line in self.git("show", "HEAD").splitlines()
            if line.startswith("+") and "Image" in line
        )

    def tag(self, version: str) -> str:
        """Release a version, merge its promotion, and return the image."""
        self.git("tag", version)
        self.git("push", "--quiet", "origin", "main", version)
        self.event("release.yml", ref_name=version)
        return self.merge_promotion()

    def running(self, namespace: str) -> str:
        apps: Any = client.AppsV1Api(self.cluster.api)
        found = apps.read_namespaced_deployment("notification-operator", namespace)
        return str(found.spec.template.spec.containers[0].image)

    def platform(self, *arguments: str, environment: str = "staging", **more: str) -> str:
        """Run a command in a fresh clone, as a maintainer with the credentials of an environment."""
        place = self.forge.clone("main")
        secrets, variables = self.forge.secrets[environment], self.forge.variables
        env = {
            **self.forge.machine,
            "PULUMI_BACKEND_URL": variables["PULUMI_BACKEND_URL"],
            "PULUMI_CONFIG_PASSPHRASE": secrets.get("PULUMI_CONFIG_PASSPHRASE", ""),
            **self.forge.cloud,
            **more,
        }
        command = [str(place / "tools" / "notif-platform"), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def preview_images(self) -> list[str]:
        with urllib.request.urlopen(f"http://{self.registry}/v2/previews/operator/tags/list") as answer:
            return json.loads(answer.read())["tags"] or []


@contextmanager
def operators_of_previews(cluster: SharedCluster) -> Iterator[None]:
    """Mark each notification in the namespace of a preview as sent: without a node, no operator runs."""
    api, ended = client.CustomObjectsApi(cluster.api), threading.Event()
    kind = (names.GROUP, names.VERSION)

    def work() -> None:
        while not ended.wait(0.2):
            try:
                listed: Any = api.list_cluster_custom_object(*kind, names.PLURAL)
                for each in listed["items"]:
                    meta = each["metadata"]
                    if (
                        meta["namespace"].startswith("pr-")
                        and (each.get("status") or {}).get("phase") != "Sent"
                    ):
                        sent = {**each, "status": {"phase": "Sent"}}
                        api.replace_namespaced_custom_object_status(
                            *kind, meta["namespace"], names.PLURAL, meta["name"], sent
                        )
            except client.ApiException:
                continue

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def make_repository(desk: Path, remote: Path) -> None:
    """Fill the remote with the files of this checkout; two stacks, and a program that waits for no pod."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(remote)], check=True)
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (desk / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, desk / name, follow_symlinks=False)
    shutil.copy(ROOT / "tests" / "api_server" / "without_node.py", desk / "infra" / "__main__.py")
    for file in (desk / "stacks").glob("Pulumi.*.yaml"):
        file.unlink()
    for name, values in STACKS.items():
        config = {f"{PREFIX}:{key}": value for key, value in {**EXISTING, **values}.items()}
        (desk / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ensure(ENGINE_GROUPS)
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "ann")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "ann@example.com")
    desk, work, remote = tmp_path / "desk", tmp_path / "work", tmp_path / "forge" / REPOSITORY
    for folder in (desk, work / "home"):
        folder.mkdir(parents=True)
    # Packages and programs that the machine has already.
    (work / "home" / ".cache").symlink_to(cache_dir().parent)
    make_repository(desk, remote)
    with (
        shared_cluster(*OBJECT_CONTROLLERS) as cluster,
        moto() as store,
        local_registry(tmp_path) as address,
        operators_of_previews(cluster),
    ):
        write_stubs(tmp_path / "programs", state=tmp_path / "state", registry=address)
        shared, previews = store.bucket("shared"), store.bucket("previews")
        access = yaml.safe_dump(kubeconfig({CONTEXT: (cluster.server, cluster.authority, cluster.token)}))
        stack = {"KUBECONFIG_CONTENT": access, "PULUMI_CONFIG_PASSPHRASE": "of the team"}
        forge = Forge(
            remote=remote,
            work=work,
            path=os.pathsep.join((str(tmp_path / "programs"), os.defpath, "/usr/local/bin")),
            variables={
                "CLOUD": "aws",
                "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/ci",
                "AWS_REGION": "us-east-1",
                "PULUMI_BACKEND_URL": shared.url,
                "PREVIEW_BASE": "staging",
                "PREVIEW_BACKEND_URL": previews.url,
                "PREVIEW_REPOSITORY": f"{address}/previews/operator",
                "PREVIEW_PUSH_USERNAME": "robot",
            },
            secrets={
                "": {"GITHUB_TOKEN": "t"},
                "preview": {"PREVIEW_CONFIG_PASSPHRASE": "of previews", "PREVIEW_PUSH_PASSWORD": "p"},
                **{f"{name}{suffix}": stack for name in STACKS for suffix in ("", "-read")},
            },
            cloud=shared.variables,
        )
        result = World(forge=forge, cluster=cluster, registry=address, state=tmp_path / "state", desk=desk)
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(desk)], check=True)
        result.git("remote", "add", "origin", str(remote))
        result.commit("Start")
        result.git("push", "--quiet", "origin", "main")
        (work / "home" / ".kube").mkdir()
        create_stacks(result)
        yield result


def create_stacks(world: World) -> None:
    """Create the stacks once, as docs/ci.md says, and commit their salts."""
    for name in STACKS:
        world.platform("pulumi", "stack", "init", name)
        shutil.copy(world.forge.work / "clone" / "stacks" / f"Pulumi.{name}.yaml", world.desk / "stacks")
        world.commit(f"Create {name}")
        world.git("push", "--quiet", "origin", "main")


def test_change_goes_from_tag_to_rollback_by_the_workflows(world: World) -> None:
    # A stack without an image is not deployed.
    assert set(world.deploy().values()) == {"skipped"}
    first = world.tag("v0.1.0")
    assert world.deploy() == {"wave-1": "skipped", "wave-2": "success", "wave-3": "skipped"}
    assert world.running("notification-system") == first

    world.event("promote.yml", given={"image": first})
    assert world.merge_promotion() == first
    assert world.deploy() == {"wave-1": "skipped", "wave-2": "skipped", "wave-3": "success"}
    assert world.running("notification-prod") == first

    previews_of_a_pull_request(world)

    second = world.tag("v0.1.1")
    assert second != first
    assert world.deploy()["wave-2"] == "success"
    assert world.running("notification-system") == second
    world.git("revert", "--no-edit", "-m", "1", "HEAD")
    assert world.deploy()["wave-2"] == "success"
    assert world.running("notification-system") == first

    kube = world.forge.work / "home" / ".kube" / "config"
    kube.write_text(world.forge.secrets["staging"]["KUBECONFIG_CONTENT"])
    again = world.platform("diff", *STACKS)
    assert again.count("no changes") == len(STACKS), again
    kube.unlink()
    broken_policy_stops_the_deployment(world)


def previews_of_a_pull_request(world: World) -> None:
    """Open a pull request, push to it and close it."""
    output = ("pulumi", "stack", "output", "previewKubeconfig", "--show-secrets", "--stack", "staging")
    account = world.platform(*output)
    world.forge.secrets["preview"]["PREVIEW_KUBECONFIG"] = account  # type: ignore[index]
    event: dict[str, Any] = {
        "number": 7,
        "pull_request": {
            "base": {"sha": world.git("rev-parse", "main")},
            "head": {"repo": {"full_name": REPOSITORY}},
        },
    }
    world.git("checkout", "--quiet", "-b", "change")
    for action in ("opened", "synchronize"):
        (world.desk / "README.md").write_text(action)
        world.commit(action)
        world.git("push", "--quiet", "origin", "change")
        world.event("pull-request.yml", world.git("rev-parse", "change"), action=action, **event)
        assert "pr-7 is up" in (world.state / "comment").read_text()
        namespace: Any = world.cluster.core.read_namespace("pr-7")
        assert namespace.metadata.labels[names.PREVIEW_LABEL] == "7"
    assert len(world.preview_images()) == 2
    # An expired password of the registry does not keep a preview.
    refused = world.state / "no-login"
    refused.touch()
    world.event("pull-request.yml", world.git("rev-parse", "change"), action="closed", **event)
    refused.unlink()
    world.git("checkout", "--quiet", "main")
    assert "pr-7" not in {each.metadata.name for each in world.cluster.core.list_namespace().items}
    assert world.preview_images() == []
    left = world.platform(
        "pulumi", "stack", "ls", "--json", PULUMI_BACKEND_URL=world.forge.variables["PREVIEW_BACKEND_URL"]
    )
    assert json.loads(left) == []


def broken_policy_stops_the_deployment(world: World) -> None:
    """Break a policy together with a change of staging; the cluster stays as it is."""
    before = world.running("notification-system")
    pack = world.desk / "infra" / "policy_pack" / "platform_policy" / "pods.py"
    pack.write_text(pack.read_text("utf-8").replace("def image_by_digest(", "def image_by_digest(broken, "))
    file = world.desk / "stacks" / "Pulumi.staging.yaml"
    file.write_text(file.read_text("utf-8").replace("operatorReplicas: 2", "operatorReplicas: 3"))
    world.commit("Break a policy")
    with pytest.raises(StepFailedError):
        world.deploy()
    assert world.running("notification-system") == before
    apps: Any = client.AppsV1Api(world.cluster.api)
    assert apps.read_namespaced_deployment("notification-operator", "notification-system").spec.replicas == 2
