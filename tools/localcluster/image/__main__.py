"""`python -m tools.localcluster.image`: builds the base image and the node image, and prints their tags."""

from __future__ import annotations

import argparse
import sys

from tools.localcluster.image.commands import NodeImageError
from tools.localcluster.image.images import ensure_images
from tools.localcluster.runtime.dockerd import DockerUnavailableError, ensure_docker
from tools.localcluster.toolchain import ToolchainError

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 only if both images exist."""
    parser = argparse.ArgumentParser(prog="python -m tools.localcluster.image", description=__doc__)
    parser.add_argument(
        "--network-policy", action="store_true", help="build the node image that enforces NetworkPolicies"
    )
    options = parser.parse_args(arguments)
    try:
        ensure_docker()
        images = ensure_images(network_policy=options.network_policy)
    except (DockerUnavailableError, NodeImageError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again", file=sys.stderr)
        return _INTERRUPTED
    print(f"base {images.base}\nnode {images.node}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
