"""A promotion: a branch with one commit that sets the image of one stack. It changes no file of the checkout."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from platform_infra.names import PROJECT
from tools.platform.deployment.waves import PREFIX, SUFFIX
from tools.platform.errors import PlatformError, UsageError
from tools.platform.git import git
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.platform.deployment.waves import DiscoveredStack

IMAGE = re.compile(r"[a-z0-9.:-]+(/[a-z0-9._-]+)+@sha256:(?!0{64}$)(?P<digest>[0-9a-f]{64})")
KEY = f"{PROJECT}:operatorImage"
LINE = re.compile(rf"^(?P<indent> +)(?:{PROJECT}:)?operatorImage:.*$", re.MULTILINE)
CONFIG = re.compile(r"^config:[ \t]*$", re.MULTILINE)


class PromotionError(PlatformError):
    """An image cannot be promoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One image for one stack."""

    stack: str
    image: str

    @property
    def branch(self) -> str:
        return f"promote/{self.stack}-{self.digest}"

    @property
    def digest(self) -> str:
        """The first characters of the image's digest."""
        return self.image.rpartition(":")[2][:12]

    @property
    def message(self) -> str:
        return f"Promote {self.digest} to {self.stack}\n\nThe merge deploys {self.image}; the revert of this commit rolls back.\n"

    @property
    def file(self) -> str:
        return f"{PREFIX}{self.stack}{SUFFIX}"


def check_promoted(image: str) -> None:
    """Check that a name identifies one image.

    Raises:
        UsageError: it does not.
    """
    if not IMAGE.fullmatch(image):
        raise UsageError(
            f"IMAGE {image} does not identify one image",
            hint="name it by digest: REGISTRY/NAME@sha256:DIGEST, not all zeros",
        )


def next_stack(stacks: Iterable[DiscoveredStack], image: str) -> DiscoveredStack | None:
    """Return the first stack in the order of deployment that has another image; None if all of them have this one."""
    return next((each for each in stacks if each.wave and each.image != image), None)


def with_image(text: str, image: str) -> str:
    """Return the content of a stack's file with another image; everything else, comments included, stays.

    Raises:
        PromotionError: the content has a form that cannot be edited line by line.
    """
    line = f"{KEY}: {image}"
    if LINE.search(text):
        edited = LINE.sub(lambda found: found["indent"] + line, text, count=1)
    else:
        edited = CONFIG.sub(f"config:\n  {line}", text, count=1)
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(edited) or {}
    config = {key: value for key, value in (before.get("config") or {}).items() if key != "operatorImage"}
    if after != {**before, "config": {**config, KEY: image}}:
        raise PromotionError(
            "the stack's file cannot be edited line by line",
            hint=f"write `{line}` below `config:` on a line of its own",
        )
    return edited


def commit(promotion: Promotion, *, root: Path = ROOT) -> bool:
    """Create the branch with its commit on top of HEAD; return False if the file names this image already.

    A branch that is merged is replaced: after a revert, the same image can be promoted again.

    Raises:
        PromotionError: the branch exists, is not merged and holds something else.
    """
    before = git("show", f"HEAD:{promotion.file}", root=root)
    after = with_image(before, promotion.image)
    if before == after:
        return False
    tree = _tree(promotion.file, after, root)
    reference = f"refs/heads/{promotion.branch}"
    unmerged = ("for-each-ref", "--no-merged=HEAD", "--format=%(tree)", reference)
    if existing := git(*unmerged, root=root).strip():
        if existing != tree:
            raise PromotionError(
                f"the branch {promotion.branch} exists and holds something else",
                hint=f"delete it with `git branch -D {promotion.branch}`",
            )
        return True
    made = git("commit-tree", tree, "-p", "HEAD", root=root, given=promotion.message).strip()
    git("update-ref", reference, made, root=root)
    return True


def _tree(file: str, content: str, root: Path) -> str:
    """Return the tree of HEAD with another content of one file."""
    blob = git("hash-object", "-w", "--stdin", "--path", file, root=root, given=content).strip()
    with tempfile.TemporaryDirectory(prefix="promotion-") as folder:
        index = str(Path(folder) / "index")
        git("read-tree", "HEAD", root=root, GIT_INDEX_FILE=index)
        git("update-index", "--cacheinfo", f"100644,{blob},{file}", root=root, GIT_INDEX_FILE=index)
        return git("write-tree", root=root, GIT_INDEX_FILE=index).strip()
