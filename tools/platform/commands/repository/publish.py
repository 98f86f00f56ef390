"""Build the operator's image and push it to a registry."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from platform_infra.image import build as image_build
from platform_infra.image.build import ImageError, Origin
from tools.platform.console import out
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PUSH_SECONDS = 900
GIT_SECONDS = 30

app = typer.Typer(add_completion=False)


@app.command("publish")
def publish_command(
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPOSITORY", help="Repository, such as registry.example.com/notification/operator."
        ),
    ],
    base: Annotated[
        str,
        typer.Option(
            metavar="NAME@DIGEST", help="Base image by digest; by default the one that the Dockerfile names."
        ),
    ] = "",
) -> None:
    """Build the image, push it, and print its name by digest.

    The build pulls the base image and uses no image or layer that Docker already has. Log in to the registry with
    `docker login` first.

    Example: `publish registry.example.com/notification/operator`.
    """
    out.print(publish(repository, base=base))


def publish(repository: str, *, base: str = "") -> str:
    """Push the image of this checkout to a repository.

    The image is identified by its ID from the build to the registry's digest, because other users of the Docker daemon
    can move its tags.

    Returns:
        The image's name by digest, in the form that `operatorImage` takes.

    Raises:
        ImageError: it cannot be built or pushed; the message holds Docker's output.
    """
    built = image_build.build_from_scratch(base=base, origin=origin())
    if not built.id:
        raise ImageError(f"docker build of {built.name} reported no image ID")
    remote = f"{repository}:{built.name.rpartition(':')[2]}"
    _run("docker", "tag", built.id, remote)
    _run("docker", "push", "--quiet", remote)
    inspected = _run("docker", "image", "inspect", "--format", "{{json .RepoDigests}}", built.id)
    return by_digest(repository, json.loads(inspected))


def by_digest(repository: str, digests: list[str]) -> str:
    """Return the name by digest that belongs to this repository.

    Raises:
        ImageError: there is none.
    """
    for name in digests:
        if name.startswith(f"{repository}@sha256:"):
            return name
    raise ImageError(f"{repository} gave the image no digest; it has {', '.join(digests) or 'none'}")


def origin(variables: Mapping[str, str] = os.environ) -> Origin:
    """Return the repository, the commit and the version of this checkout.

    The commit ends in `-dirty` if a source of the image differs from it.
    """
    changed = _run("git", "status", "--porcelain", "--", *image_build.SOURCES, seconds=GIT_SECONDS)
    commit = _run("git", "rev-parse", "HEAD", seconds=GIT_SECONDS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return Origin(
        source=_source(variables),
        revision=f"{commit}-dirty" if changed else commit,
        version=str(project["version"]),
    )


def _source(variables: Mapping[str, str]) -> str:
    """Return the address of the repository: from the environment of GitHub Actions or GitLab CI, or from Git."""
    if "GITHUB_REPOSITORY" in variables:
        return f"{variables.get('GITHUB_SERVER_URL', 'https://github.com')}/{variables['GITHUB_REPOSITORY']}"
    if "CI_PROJECT_URL" in variables:
        return variables["CI_PROJECT_URL"]
    remotes = _run("git", "remote", seconds=GIT_SECONDS).split()
    return without_credentials(_run("git", "remote", "get-url", remotes[0])) if remotes else ""


def without_credentials(address: str) -> str:
    """Return an address without its user and password; a CI runner's address contains a token."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _run(*command: str, seconds: float = PUSH_SECONDS) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    if result.returncode:
        raise ImageError(f"{' '.join(command)} failed: {(result.stderr or result.stdout).strip()}")
    return result.stdout.strip()
