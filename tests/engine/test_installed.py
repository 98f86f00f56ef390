"""The platform without the tools of a checkout: Pulumi's own installation, and a program that has the wheels alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from tests.harness.control_plane import control_plane
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 300
WHEELS = ("notification-contract", "notification-platform-pulumi")
TOOLCHAIN = tuple(f"{name}=={version(name)}" for name in ("pulumi", "pulumi-kubernetes"))
"""The versions whose engine and provider are there; a program of somebody else may have others."""
PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes
from platform_infra import NotificationPlatform

cluster = kubernetes.Provider("cluster", render_yaml_to_directory="manifests")
platform = NotificationPlatform(
    "notifications", {"operator_image": "registry.example/operator:1"}, pulumi.ResourceOptions(provider=cluster)
)
pulumi.export("namespace", platform.namespace)
"""
OWN_CLUSTER = """
import os
from pathlib import Path

import yaml
from platform_infra import NotificationPlatform

kubeconfig = Path(os.environ["TRIAL_KUBECONFIG"]).read_text()
context = yaml.safe_load(kubeconfig)["current-context"]
NotificationPlatform("notifications", {"kubeconfig": kubeconfig, "context": context, "operator_enabled": False})
"""
WITH_PROVIDER = """
name: orders
runtime: python
plugins:
  providers:
    - name: kubernetes
      path: {folder}
"""
"""The engine uses this provider, whatever version the SDK asks for."""
PROJECT = "{name: orders, runtime: python}"


class Environment:
    """A virtual environment that knows no checkout, and a backend of its own."""

    def __init__(self, folder: Path, name: str = "venv") -> None:
        self._python = folder / name / "bin" / "python"
        self._backend = f"file://{folder}/state?create_dir=true"
        # The engine asks pip for the installed packages.
        self.run("uv", "venv", "--quiet", "--seed", str(folder / name), cwd=folder)

    def install(self, *arguments: str, cwd: Path) -> None:
        self.run("uv", "pip", "install", "--quiet", "--python", str(self._python), *arguments, cwd=cwd)

    def pulumi(self, *arguments: str, cwd: Path, refused: bool = False, **variables: str) -> str:
        program = str(ensure(ENGINE_GROUPS).program("pulumi"))
        command = (program, "--non-interactive", "--color", "never", *arguments)
        return self.run(*command, cwd=cwd, refused=refused, **variables)

    def run(self, *command: str, cwd: Path, refused: bool = False, **variables: str) -> str:
        """Run a program that succeeds, or is refused, and return its output."""
        known = {
            key: value
            for key, value in os.environ.items()
            if key not in {"PYTHONPATH", "VIRTUAL_ENV"} and not key.startswith("PULUMI_")
        }
        toolchain = ensure(ENGINE_GROUPS).env()
        path = os.pathsep.join((str(self._python.parent), toolchain["PATH"], known["PATH"]))
        environment = {
            **known,
            **toolchain,
            "PATH": path,
            "PULUMI_BACKEND_URL": self._backend,
            "PULUMI_CONFIG_PASSPHRASE": "trial",
            **variables,
        }
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert bool(done.returncode) is refused, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


@pytest.fixture
def program(environment: Environment, tmp_path: Path) -> Path:
    """A program that has the component's wheels alone."""
    environment.install(*map(str, built(environment, *WHEELS, to=tmp_path)), *TOOLCHAIN, cwd=tmp_path)
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(PROJECT, "utf-8")
    (folder / "__main__.py").write_text(PROGRAM, "utf-8")
    environment.pulumi("stack", "init", "dev", cwd=folder)
    return folder


def built(environment: Environment, *packages: str, to: Path) -> list[Path]:
    """Build the wheels of some packages."""
    for name in packages:
        source = str(ROOT / "packages" / name)
        environment.run("uv", "build", "--quiet", "--wheel", "--out-dir", str(to / "wheels"), source, cwd=to)
    return sorted(
        wheel for name in packages for wheel in (to / "wheels").glob(f"{name.replace('-', '_')}-*.whl")
    )


def test_program_needs_the_wheels_alone(environment: Environment, program: Path) -> None:
    preview = environment.pulumi("preview", "--stack", "dev", cwd=program)
    for part in ("notifications-crds-notificationrequests", "notifications-operator-deployment"):
        assert part in preview


@pytest.mark.long
@pytest.mark.xdist_group("api-server")
def test_newest_sdk_works_with_the_wheels(environment: Environment, tmp_path: Path) -> None:
    """The provider is that of the toolchain: no registry of Go modules serves a newer one."""
    wheels = map(str, built(environment, *WHEELS, to=tmp_path))
    environment.install(*wheels, f"pulumi=={version('pulumi')}", "pulumi-kubernetes", cwd=tmp_path)
    shown = "from importlib.metadata import version; print(version('pulumi-kubernetes'))"
    assert Version(environment.run("python", "-c", shown, cwd=tmp_path)) >= Version("4.29")
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(WITH_PROVIDER.format(folder=ensure(ENGINE_GROUPS).plugins), "utf-8")
    (folder / "__main__.py").write_text(OWN_CLUSTER, "utf-8")
    environment.pulumi("stack", "init", "dev", cwd=folder)
    with control_plane() as plane:
        place = str(plane.kubeconfig)
        preview = environment.pulumi(
            "preview", "--json", "--stack", "dev", cwd=folder, TRIAL_KUBECONFIG=place
        )
        steps = json.loads(preview)["steps"]
        (provider,) = [
            step["newState"] for step in steps if step["urn"].endswith("::notifications-cluster-provider")
        ]
        assert provider["inputs"]["upsertExistingObjects"] == "true"
        up = ("up", "--yes", "--skip-preview", "--stack", "dev")
        environment.pulumi(*up, cwd=folder, TRIAL_KUBECONFIG=place)
        environment.pulumi(*up, "--expect-no-changes", cwd=folder, TRIAL_KUBECONFIG=place)


def test_policy_pack_needs_its_wheel_alone(environment: Environment, program: Path, tmp_path: Path) -> None:
    """Three files as docs/policy.md shows them, in an environment of their own."""
    folder = tmp_path / "pack"
    folder.mkdir()
    pack = Environment(folder, ".venv")
    (wheel,) = built(environment, "notification-platform-policy", to=tmp_path)
    pack.install(str(wheel), f"pulumi=={version('pulumi')}", cwd=folder)
    for name, text in documented_pack().items():
        (folder / name).write_text(text, "utf-8")
    # The language host of Go modules does not know the pack's path.
    python = shutil.copy(ROOT / "infra" / "policy_pack" / "python", folder)
    preview = ("preview", "--stack", "dev", "--policy-pack", str(folder))
    refused = environment.pulumi(*preview, cwd=program, refused=True, PULUMI_PYTHON_CMD=str(python))
    assert "image-by-digest" in refused
    assert "[mandatory]" in refused
    levels = tmp_path / "levels.json"
    levels.write_text('{"all": "advisory"}', "utf-8")
    lenient = (*preview, "--policy-pack-config", str(levels))
    accepted = environment.pulumi(*lenient, cwd=program, PULUMI_PYTHON_CMD=str(python))
    assert "[advisory]" in accepted


def documented_pack() -> dict[str, str]:
    """Return the files that docs/policy.md shows, by name."""
    text = (ROOT / "docs" / "policy.md").read_text("utf-8")
    blocks = re.findall(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", text, re.DOTALL)
    files = dict(blocks)
    assert set(files) == {"PulumiPolicy.yaml", "__main__.py"}
    return files


def test_component_package_is_served_from_what_its_requirements_install(
    environment: Environment, tmp_path: Path
) -> None:
    """As `pulumi package add` does it with a repository: the requirements of the package's folder, installed in that folder."""
    clone = tmp_path / "clone"
    for part in ("packages", "operator", "infra"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    package = clone / "infra" / "component_package"
    environment.install("-r", "requirements.txt", *TOOLCHAIN, cwd=package)
    # The language host of Go modules would install them again, and does not know the package's path.
    (package / "requirements.txt").unlink()
    shutil.rmtree(package / "notification_platform_component")
    python = str(package / "python")
    text = environment.pulumi("package", "get-schema", str(package), cwd=tmp_path, PULUMI_PYTHON_CMD=python)
    schema = json.loads(text[text.index("{\n") :])
    assert (schema["namespace"], schema["version"]) == ("kubernaut", version_of(package))


def version_of(folder: Path) -> str:
    """Return the version in a folder's pyproject.toml."""
    version: str = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return version


@pytest.mark.xdist_group("api-server")
def test_pulumi_installs_what_the_program_needs(environment: Environment, tmp_path: Path) -> None:
    """As `pulumi install` does it: the requirements of the program's folder, installed in that folder."""
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copytree(ROOT / "infra", clone / "infra", ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    for part in ("operator", "stacks"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("Pulumi.yaml", "Dockerfile", "pyproject.toml"):
        shutil.copy(ROOT / part, clone / part)
    environment.install("-r", "requirements.txt", *TOOLCHAIN, cwd=clone / "infra")
    environment.pulumi("stack", "init", "team", cwd=clone)
    with control_plane() as plane:
        context = environment.run(
            "python",
            "-c",
            f"import yaml; print(yaml.safe_load(open('{plane.kubeconfig}'))['current-context'])",
            cwd=clone,
        ).strip()
        for key, value in (
            ("clusterKind", "existing"),
            ("clusterKubeconfig", str(plane.kubeconfig)),
            ("clusterContext", context),
            ("operatorImage", "registry.example/operator:1"),
        ):
            environment.pulumi("config", "set", "--stack", "team", key, value, cwd=clone)
        preview = environment.pulumi("preview", "--stack", "team", cwd=clone)
    assert "platform-operator-deployment" in preview
