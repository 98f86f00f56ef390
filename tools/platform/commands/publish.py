"""Build the operator's image and push it to a registry."""

from __future__ import annotations

import json
import subprocess
from typing import Annotated

import typer

from platform_infra.image import build as image_build
from tools.platform.console import out

PUSH_SECONDS = 900

app = typer.Typer(add_completion=False)


@app.command("publish")
def publish_command(
    repository: Annotated[
        str,
        typer.Argument(
            metavar="REPOSITORY", help="Repository, such as registry.example.com/notification/operator."
        ),
    ],
) -> None:
    """Build the image, push it, and print its name by digest.

    Log in to the registry with `docker login` first.

    Example: `publish registry.example.com/notification/operator`.
    """
    out.print(publish(repository))


def publish(repository: str) -> str:
    """Push the image of this checkout to a repository.

    Returns:
        The image's name by digest, in the form that `operatorImage` takes.

    Raises:
        ImageError: it cannot be built or pushed; the message holds Docker's output.
    """
    built = image_build.image_name("")
    image_build.build(image=built, base="")
    remote = f"{repository}:{built.rpartition(':')[2]}"
    _docker("tag", built, remote)
    _docker("push", "--quiet", remote)
    return by_digest(
        repository, json.loads(_docker("image", "inspect", "--format", "{{json .RepoDigests}}", remote))
    )


def by_digest(repository: str, digests: list[str]) -> str:
    """Return the name by digest that belongs to this repository.

    Raises:
        ImageError: there is none.
    """
    for name in digests:
        if name.startswith(f"{repository}@sha256:"):
            return name
    raise image_build.ImageError(
        f"{repository} gave the image no digest; it has {', '.join(digests) or 'none'}"
    )


def _docker(*arguments: str) -> str:
    result = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=PUSH_SECONDS, check=False
    )
    if result.returncode:
        raise image_build.ImageError(
            f"docker {' '.join(arguments)} failed: {(result.stderr or result.stdout).strip()}"
        )
    return result.stdout.strip()
