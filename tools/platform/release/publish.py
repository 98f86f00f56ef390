"""What a release publishes: the image and its index, the chart, and a folder of files for the release's page."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from tools.platform.errors import PlatformError
from tools.platform.git import GitError, git
from tools.platform.pulumi.environment import ROOT
from tools.platform.release import image as images
from tools.platform.release.archives import compressed, packed
from tools.platform.release.image import Source
from tools.platform.release.oci import Artifact, Repository
from tools.platform.release.prepare import numbers, run
from tools.platform.release.sbom import bill
from tools.platform.release.signing import attest, sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from tools.platform.release.image import PlatformImage, PublishedImage

FOLDER: Final = Path("build/release")
IMAGE: Final = "operator"
CHART: Final = Path("charts/notification-platform")
CHART_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
STACK: Final = "install"
"""The stack of install.yaml, which has a file as long as it is exported; no cluster is asked."""
STACK_FILE: Final = """\
config:
  notification-platform:clusterKind: existing
  notification-platform:clusterKubeconfig: ~/.kube/config
  notification-platform:clusterContext: install
  notification-platform:operatorImage: {image}
"""


def source_of(tag: str, root: Path = ROOT) -> Source:
    """Return the commit of a release's tag, which is on the default branch, and has to be checked out without changes.

    Raises:
        PlatformError: it is not, or VERSION is another one.
    """
    version = (root / "VERSION").read_text("utf-8").strip()
    numbers(version)
    if tag != f"v{version}":
        raise PlatformError(f"TAG: {tag} is not v{version}, the tag of VERSION", hint=f"git checkout {tag}")
    head = git("rev-parse", "HEAD", root=root).strip()
    if git("rev-list", "-n", "1", tag, root=root).strip() != head:
        raise PlatformError(f"TAG: {tag} is not the commit that is checked out", hint=f"git checkout {tag}")
    branch = f"origin/{os.environ.get('CI_DEFAULT_BRANCH') or 'HEAD'}"
    try:
        git("merge-base", "--is-ancestor", head, branch, root=root)
    except GitError as error:
        raise PlatformError(
            f"TAG: {tag} is not on the default branch, {branch}",
            hint="merge its commit; if the branch is not known here: git fetch && git remote set-head origin --auto",
        ) from error
    if changes := git("status", "--porcelain", root=root).strip():
        raise PlatformError(f"the checkout has changes:\n{changes}", hint="publish from a new clone")
    github = os.environ.get("GITHUB_REPOSITORY")
    host = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    url = os.environ.get("CI_PROJECT_URL") or (f"{host}/{github}" if github else "")
    time = int(git("log", "-1", "--format=%ct", root=root))
    return Source(root=root, version=version, commit=head, time=time, url=url)


def publish(source: Source, registry: str, *, base: str = "", manifests: bool = True) -> PublishedImage:
    """Build and push everything, and write the files; a key in the environment signs the image and its bills of materials."""
    key = signing_key()
    folder = source.root / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    built = images.build(source, base=base)
    wheels(source, folder)
    published = images.push(source, built, f"{registry}/{IMAGE}")
    _record(source, built, published, folder, key)
    if manifests:
        with _stack(source.root, published.name):
            target = ("--to", str(folder / "manifests"))
            run(source.root, sys.executable, "-m", "tools.platform", "export", STACK, *target)
        shutil.move(folder / "manifests" / "install.yaml", folder / "install.yaml")
        shutil.rmtree(folder / "manifests")
    push_chart(source, f"{registry}/charts/{CHART.name}", folder, published.name)
    (folder / "notes.md").write_text(notes(source, published), "utf-8")
    _write_checksums(folder)
    return published


def wheels(source: Source, folder: Path) -> None:
    """Build a wheel of each package; its files have the time of the commit."""
    uv = str(Path(sys.executable).parent / "uv")
    for package in sorted((source.root / "packages").iterdir()):
        command = (uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(package))
        run(source.root, "env", f"SOURCE_DATE_EPOCH={source.time}", *command)
    (folder / ".gitignore").unlink(missing_ok=True)


def push_chart(source: Source, repository: str, folder: Path, image: str) -> None:
    """Push the chart, which installs the image of the release, as `helm push` does, and write its archive."""
    chart = source.root / CHART
    files = {str(file.relative_to(chart)): file.read_bytes() for file in chart.rglob("*") if file.is_file()}
    files["values.yaml"] = with_image(files["values.yaml"].decode("utf-8"), image).encode()
    archive = compressed(
        packed(((f"{chart.name}/{name}", content) for name, content in files.items()), time=source.time)
    )
    (folder / f"{chart.name}-{source.version}.tgz").write_bytes(archive)
    about = yaml.safe_load(files["Chart.yaml"])
    layers: list[tuple[str, bytes, dict[str, str]]] = [(CHART_CONTENT, archive, {})]
    config = json.dumps(about, sort_keys=True).encode()
    Repository(repository).push(Artifact(config=(CHART_CONFIG, config), layers=layers), str(about["version"]))


def with_image(values: str, image: str) -> str:
    """Return the values of the chart with a default image.

    Raises:
        ValueError: the values declare no image.
    """
    text, count = re.subn(r'^operatorImage: ""$', f"operatorImage: {image}", values, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f'{CHART}/values.yaml has {count} lines `operatorImage: ""`, and needs one')
    return text


def notes(source: Source, published: PublishedImage) -> str:
    """Return the section of the changelog, with the image."""
    changelog = (source.root / "CHANGELOG.md").read_text("utf-8")
    _, found, rest = changelog.partition(f"\n## [{source.version}]")
    if not found:
        raise PlatformError(
            f"CHANGELOG.md has no section {source.version}", hint="run `release prepare` first"
        )
    section = rest.partition("\n")[2].partition("\n## [")[0].strip()
    rows = "\n".join(
        f"| {architecture} | `{name}` | {published.size[architecture] / 1e6:.0f} MB |"
        for architecture, name in published.platforms.items()
    )
    return (
        f"# {source.version}\n\nImage: `{published.name}`\n\n"
        f"| platform | manifest | compressed |\n|---|---|---|\n{rows}\n\n{section}\n"
    )


def _record(
    source: Source,
    built: Sequence[PlatformImage],
    published: PublishedImage,
    folder: Path,
    key: EllipticCurvePrivateKey | None,
) -> None:
    """Write the bill of materials of each platform, and sign all with the key, if there is one."""
    repository = published.name.partition("@")[0]
    for image in built:
        name = published.platforms[image.architecture]
        document = bill(source, image, name)
        text = json.dumps(document, indent=2) + "\n"
        (folder / f"sbom-{image.architecture}.cdx.json").write_text(text, "utf-8")
        if key:
            attest(repository, name, document, key)
            sign(f"{repository}@{name}", key)
    if key:
        sign(published.name, key)


@contextmanager
def _stack(root: Path, image: str) -> Iterator[None]:
    """Write the stack's file for the time of the block."""
    file = root / "stacks" / f"Pulumi.{STACK}.yaml"
    file.write_text(STACK_FILE.format(image=image), "utf-8")
    try:
        yield
    finally:
        file.unlink()


def _write_checksums(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")
