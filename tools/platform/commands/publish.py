"""Build the operator's image and push it: `python -m tools.platform.commands.publish REPOSITORY` prints its name by digest.

Docker has to be logged in at the repository's registry.
"""

from __future__ import annotations

import json
import subprocess
import sys

from platform_infra.image import build as image_build

PUSH_SECONDS = 900


def publish(repository: str) -> str:
    """Push this checkout's image to a repository such as `registry.example.com/notification/operator`.

    Returns:
        The image's name by digest, as `operatorImage` takes it.

    Raises:
        ImageError: it cannot be built or pushed; the message holds what Docker said.
    """
    built = image_build.image_name("")
    image_build.build(image=built, base="")
    there = f"{repository}:{built.rpartition(':')[2]}"
    _docker("tag", built, there)
    _docker("push", "--quiet", there)
    return by_digest(
        repository, json.loads(_docker("image", "inspect", "--format", "{{json .RepoDigests}}", there))
    )


def by_digest(repository: str, digests: list[str]) -> str:
    """Return the one of an image's digests that is this repository's.

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
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=PUSH_SECONDS, check=False
    )
    if done.returncode:
        raise image_build.ImageError(
            f"docker {' '.join(arguments)} failed: {(done.stderr or done.stdout).strip()}"
        )
    return done.stdout.strip()


def main(arguments: list[str]) -> int:
    """Run the command."""
    if len(arguments) != 1:
        print(
            "error: give the repository, such as registry.example.com/notification/operator", file=sys.stderr
        )
        return 2
    try:
        print(publish(arguments[0]))
    except image_build.ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
