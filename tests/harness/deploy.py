"""Deploys images, sinks and operators to the cluster of a disposable stack, and removes them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from platform_infra.cluster.local.images import load_image
from platform_infra.image import build as image_build
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually
from tests.harness.node import Node
from tests.harness.operators import FIRST, LABEL, OPERATORS, OperatorSpec, stack_values
from tests.harness.sinks_in_cluster import apply_sinks
from tools.platform.pulumi.operations import destroy, up
from tools.platform.pulumi.stack import known_stacks, open_stack, remove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.harness.place import EphemeralStack

HERE = Path(__file__).parent
ADDED = ("Dockerfile", "sink", "faultproxy", "stub")
"""The parts of this folder that go into the image with the stubs."""
LIBRARIES = ("aiosmtpd", "public")
"""Packages of this environment that go there as well, in pure Python: the mail server, and what it imports."""
LEFT_OUT = ("__pycache__", "docs", "qa", "testing", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImages:
    """The names of the operator's image, and of the image that adds the stub channels and the sinks."""

    operator: str
    stubs: str


OF_THEMSELVES = (FIRST, "receivers")
"""Operators that watch their own namespace, because some checks create notifications there."""

REPEATABLE = {"channelsSlackBurst": 10_000}
"""One run of the suite stays within the shipped burst; repeated runs on the same stack do not."""


def build_images() -> BuiltImages:
    """Build the images that are missing."""
    operator = image_build.image_name("")
    image_build.build(image=operator, base="")
    with tempfile.TemporaryDirectory(prefix="stubs-") as folder:
        context = Path(folder)
        stage(context)
        stubs = f"{operator}-stubs-{_content(context)}"
        build = ["docker", "build", "--quiet", "--tag", stubs, "--build-arg", f"OPERATOR={operator}", folder]
        done = subprocess.run(build, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(build)}: {done.stdout}{done.stderr}"
    return BuiltImages(operator=operator, stubs=stubs)


def stage(context: Path) -> None:
    """Put everything that is added to the operator's image into an empty folder."""
    places = {HERE / added: context / added for added in ADDED}
    for library in LIBRARIES:
        spec = importlib.util.find_spec(library)
        assert spec is not None
        assert spec.origin is not None, f"{library} is no package with code"
        places[Path(spec.origin).parent] = context / "libraries" / library
    for source, target in places.items():
        if source.is_file():
            shutil.copy(source, target)
        else:
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _content(context: Path) -> str:
    """Return a hash of the files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(file for file in context.rglob("*") if file.is_file()):
        digest.update(file.relative_to(context).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def stack_name(stack: EphemeralStack, spec: OperatorSpec) -> str:
    return stack.name if spec.name == FIRST else f"{stack.name}-{spec.name}"


def deploy(stack: EphemeralStack, images: BuiltImages, *, only: Sequence[str] = ()) -> None:
    """Create or update the sinks and all operators, and wait until all are ready.

    With `only` just these operators of a stack that is up.
    """
    with progress(f"{stack.name}: loading images"):
        for image in (images.operator, images.stubs):
            load_image(stack.container, image)
    specs = [OPERATORS[name] for name in only or OPERATORS]
    stopped = threading.Event()
    with (
        progress(f"{stack.name}: sinks and operators"),
        ThreadPoolExecutor(len(specs) + 1) as pool,
        contextlib.ExitStack() as on_trouble,
    ):
        # After a failure, operators that have not started yet need not start.
        on_trouble.callback(stopped.set)

        def begin(spec: OperatorSpec) -> Future[None]:
            return pool.submit(bring_up, stack, spec, images, stopped)

        if only:
            _all([begin(spec) for spec in specs])
            return
        cluster = Cluster(Path(stack.kubeconfig))
        sinks = pool.submit(apply_sinks, cluster, Node(stack.container), images.stubs)
        first = begin(OPERATORS[FIRST])
        eventually(lambda: first.done() or cluster.has_kind(), bool, within=120)
        sinks.result()
        _all([first, *(begin(spec) for spec in specs if spec.name != FIRST)])
    for name in OF_THEMSELVES:
        cluster.core.patch_namespace(OPERATORS[name].namespace, {"metadata": {"labels": {LABEL: name}}})


def _all(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        future.result()


def take_down(stack: EphemeralStack) -> None:
    """Destroy and remove its Pulumi stacks.

    Raises:
        CommandError: the engine failed.
    """
    known = known_stacks()
    names = [name for name in (stack_name(stack, spec) for spec in OPERATORS.values()) if name in known]
    with ThreadPoolExecutor(len(OPERATORS)) as pool:
        # The CRD is deleted last, because that deletes all notifications.
        list(pool.map(_remove, names[1:]))
        list(pool.map(_remove, names[:1]))


def forget_stacks(name: str) -> None:
    """Remove the Pulumi stacks of a disposable stack whose cluster is gone."""
    names = [known for known in known_stacks() if f"{known}-".startswith(f"{name}-")]
    for each in sorted(names):
        opened = open_stack(each)
        opened.cancel()
        remove(opened, force=True, generated=True)


def bring_up(
    stack: EphemeralStack,
    spec: OperatorSpec,
    images: BuiltImages,
    stopped: threading.Event | None = None,
) -> None:
    """Create or update one operator, unless `stopped` is set; its image must be in the node."""
    image = images.stubs if spec.stubs else images.operator
    values = {**REPEATABLE, **stack_values(spec, image=image, kubeconfig=stack.kubeconfig)}
    if stopped and stopped.is_set():
        return
    opened = open_stack(stack_name(stack, spec), config=values)
    if not (stopped and stopped.is_set()):
        up(opened, brief=True)


def take_away(stack: EphemeralStack, spec: OperatorSpec) -> None:
    """Remove one operator."""
    _remove(stack_name(stack, spec))


def _remove(name: str) -> None:
    opened = open_stack(name)
    destroy(opened, brief=True)
    remove(opened, generated=True)


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Print a step when it starts, and how long it took."""
    console, start = Console(stderr=True), time.monotonic()
    console.print(f"{what} …", highlight=False)
    yield
    console.print(f"{what}: done after {time.monotonic() - start:.1f} s", highlight=False)
