"""Releases: prepare one as a commit and a tag, and publish it."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.command_group import command_app
from tools.platform.console import err, out

app = command_app({name: f"tools.platform.commands.release:{name}" for name in ("prepare", "publish")})


@app.callback()
def release() -> None:
    """Prepare a release as a commit and a tag, and publish it."""


def prepare(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Version, such as 0.2.0.")],
) -> None:
    """Commit and tag a release.

    The commit has VERSION, everything that repeats it, and CHANGELOG.md with the text of the fragments.

    Example: `release prepare 0.2.0`.
    """
    from tools.platform.release.prepare import prepare as commit_and_tag  # noqa: PLC0415 - `--help` needs none of it

    tag = commit_and_tag(version)
    out.print(f"{tag} is committed and tagged. To publish it: git push --follow-tags origin HEAD")


def publish(
    tag: Annotated[str, typer.Argument(metavar="TAG", help="Tag of the release, which is checked out.")],
    *,
    registry: Annotated[
        str, typer.Option("--registry", help="Where the image and the chart go, such as ghcr.io/example.")
    ],
    base: Annotated[
        str,
        typer.Option(
            "--base",
            help="Base image with its digest, such as one of a mirror. Defaults to that of the Dockerfile.",
        ),
    ] = "",
    manifests: Annotated[
        bool,
        typer.Option(
            "--manifests/--no-manifests", help="Whether to write install.yaml, which needs the engine."
        ),
    ] = True,
) -> None:
    """Build, push and write everything of a release.

    The image for amd64 and arm64 and the chart are pushed, and the name of the image is printed. The files are in build/release: wheels, install.yaml, bills of materials, notes and checksums. If RELEASE_SIGNING_KEY holds a
    private key in PEM, the image is signed and its bills of materials are attested, for `cosign verify --key`.

    Example: `release publish v0.2.0 --registry ghcr.io/example`.
    """
    from tools.platform.release.publish import FOLDER, source_of  # noqa: PLC0415 - `--help` needs none of it
    from tools.platform.release.publish import publish as publish_all  # noqa: PLC0415 - `--help` needs none of it

    published = publish_all(source_of(tag), registry.rstrip("/"), base=base, manifests=manifests)
    for architecture, name in published.platforms.items():
        err.print(f"linux/{architecture}: {name}, {published.size[architecture] / 1e6:.1f} MB compressed")
    err.print(f"files: {FOLDER}")
    out.print(published.name)
