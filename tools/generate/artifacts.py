"""The registry of generated artifacts: which files, which part of each, and what generates it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from notification_contract.kinds.definitions import (
    KINDS,
    NOTIFICATION_RECEIVER,
    NOTIFICATION_REQUEST,
    NOTIFICATION_SOURCE,
)
from notification_contract.settings.gateway import Gateway
from platform_infra.settings import declarations
from tools.generate import (
    channel_names,
    chart,
    command_line,
    compatibility,
    crd,
    documentation,
    openapi,
    version,
)
from tools.generate.recording import recording
from tools.generate.reference import reference
from tools.pictures import dashboard
from tools.pictures.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
STACK_SETTINGS = "Generated from the stack's settings by `make generate`."
YAML_WIDTH = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A generated file, or the generated part of one: after the line `tail`, in the block of Markdown of this name, or the version.

    `path` is relative to the repository's root. A block is what `<!-- begin NAME -->` and `<!-- end NAME -->` enclose. The
    version follows each match of the pattern `version`.
    """

    path: str
    content: Callable[[], str]
    tail: str = ""
    block: str = ""
    version: str = ""

    def render(self, text: str) -> str:
        """Return the file's text with the part that is generated now."""
        if self.version:
            return version.replace_version(text, self.version, self.content())
        if self.tail:
            return replace_tail(text, self.tail, self.content())
        return replace_block(text, self.block, self.content()) if self.block else self.content()

    def is_current(self, root: Path) -> bool:
        file = root / self.path
        text = file.read_text("utf-8") if file.exists() else ""
        return self.render(text) == text

    def write(self, root: Path) -> None:
        file = root / self.path
        text = file.read_text("utf-8") if file.exists() else ""
        file.write_text(self.render(text), "utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A generator that runs as a process of its own: it belongs to the tests, which tools do not import, or configures its process.

    `arguments` are those of the Python interpreter; the command writes `paths` below its working directory.
    """

    arguments: tuple[str, ...]
    paths: tuple[str, ...]


def config_block() -> str:
    return yaml.safe_dump({"config": declarations.config_block()}, sort_keys=False, width=YAML_WIDTH)


def stacks_table() -> str:
    return f"\n{declarations.markdown_table()}"


def editor_schema() -> str:
    return json.dumps(declarations.editor_schema(), indent=2) + "\n"


EXAMPLES = {
    folder: tuple(sorted((ROOT / "examples" / folder).glob("*.yaml"), key=lambda file: file.stem))
    for folder in ("receivers", "sources")
}
"""The examples of a kind, by the folder of their pages."""


def examples(folder: str, page: str) -> str:
    files = (file for file in EXAMPLES[folder] if _page(file) == page)
    return "\n\n".join(f"```yaml\n{file.read_text('utf-8')}```" for file in files)


def _page(example: Path) -> str:
    """Return the page of an example: `slack` of `slack-bot.yaml`."""
    return example.stem.partition("-")[0]


VERSIONS = (
    *(Artifact(path=path, content=version.version, version=version.PATTERN) for path in version.PATHS),
    Artifact(path=version.LOCK, content=version.version, version=version.LOCK_PATTERN),
)
"""The declarations of the version, some of which generators of other artifacts import."""
NAMES = Artifact(path="operator/notification_contract/kinds/channel_names.py", content=channel_names.module)
"""The module that the generators of other artifacts import."""
CRDS = tuple(
    Artifact(
        path=f"operator/notification_contract/crds/{kind.name.lower()}.yaml", content=partial(crd.text, kind)
    )
    for kind in KINDS
)
"""The files that the generator of the editors' schema reads."""


CHART = "charts/notification-platform"
CHART_FILES: dict[str, Callable[[], str]] = {
    "values.yaml": chart.values,
    "values.schema.json": chart.schema,
    "files/settings.yaml": chart.settings_files,
    "files/admission.yaml": chart.admission,
    "files/rules.yaml": chart.alert_rules,
    "files/dashboard.json": chart.dashboard,
    "files/dashboard-with-gateway.json": chart.gateway_dashboard,
    **{f"files/crds/{kind.plural}.yaml": partial(crd.text, kind) for kind in KINDS},
}
"""The content of each generated file of the chart."""


def _page_part(page: str, part: str, content: Callable[[], str]) -> Artifact:
    return Artifact(path=f"docs/{page}.md", block=f"{part}, by make generate", content=content)


ARTIFACTS = (
    *VERSIONS,
    NAMES,
    Artifact(path="Pulumi.yaml", tail=f"# {STACK_SETTINGS}", content=config_block),
    Artifact(path="stacks/README.md", tail=f"<!-- {STACK_SETTINGS} -->", content=stacks_table),
    Artifact(path="stacks/schema.json", content=editor_schema),
    Artifact(
        path="infra/platform_infra/component_args.py",
        tail=f"    # {STACK_SETTINGS}",
        content=declarations.component_arguments,
    ),
    _page_part("contributing/architecture", "steps", documentation.steps_table),
    _page_part("settings", "settings", documentation.settings_table),
    _page_part(
        "settings", "settings of the gateway", partial(documentation.settings_table, Gateway, ("gateway",))
    ),
    _page_part("install", "versions", compatibility.table),
    _page_part("notificationrequest", "phases", documentation.phase_diagram),
    *CRDS,
    _page_part("cli", "commands", command_line.reference),
    _page_part("receivers", "types", documentation.types_table),
    _page_part("monitoring", "alerts", documentation.alerts_table),
    _page_part("routing", "kinds", documentation.routing_kinds),
    _page_part("add-a-channel", "channels", documentation.channels),
    _page_part("sources/reference", "reference", partial(reference, NOTIFICATION_SOURCE)),
    _page_part("notificationrequest", "reference", partial(reference, NOTIFICATION_REQUEST)),
    _page_part("notificationreceiver", "reference", partial(reference, NOTIFICATION_RECEIVER)),
    Artifact(path="docs/images/notif.svg", content=recording),
    Artifact(path="docs/images/dashboard.svg", content=dashboard.picture),
    Artifact(path="docs/openapi.json", content=openapi.text),
    *(Artifact(path=f"{CHART}/{path}", content=content) for path, content in CHART_FILES.items()),
    *(
        _page_part(f"{folder}/{page}", "examples", partial(examples, folder, page))
        for folder, files in EXAMPLES.items()
        for page in dict.fromkeys(map(_page, files))
    ),
)

COMMANDS = (
    Command(
        arguments=("-m", "tests.runner.traces", "--write"),
        paths=("docs/contributing/race-condition.md", "docs/decisions/DD-PERF-001.md"),
    ),
    Command(arguments=("-m", "tests.runner.mutations", "--write"), paths=("docs/contributing/testing.md",)),
    Command(arguments=("-m", "tests.runner.attempts", "--write"), paths=("docs/tenancy.md",)),
    Command(arguments=("-m", "tests.runner.permissions", "--write"), paths=("docs/permissions.md",)),
    Command(arguments=("-m", "tests.runner.metrics", "--write"), paths=("docs/telemetry.md",)),
    Command(
        arguments=("-m", "tools.pictures"),
        paths=tuple(f"docs/images/channels/{channel}.svg" for channel in VIEWS),
    ),
    # Draws the committed figures; a run of the benchmark is not needed.
    Command(
        arguments=("-m", "tests.bench.page"),
        paths=(
            "docs/contributing/performance.md",
            "docs/contributing/performance.json",
            *(f"docs/images/bench-{name}.svg" for name in ("cpu", "memory")),
        ),
    ),
)


def artifact(path: str) -> Artifact:
    (result,) = (each for each in ARTIFACTS if each.path == path)
    return result


def replace_block(text: str, name: str, content: str) -> str:
    """Return the Markdown text with `content` between the markers of block `name`."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    pattern = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    result, count = pattern.subn(lambda _: f"\n{content.strip()}\n\n", text)
    if count != 1:
        raise ValueError(
            f"expected one block {name!r} between {begin.strip()!r} and {end.strip()!r}, found {count}"
        )
    return result


def replace_tail(text: str, marker: str, content: str) -> str:
    """Return the text with `content` in place of everything after the line `marker`."""
    head, *tails = text.split(f"{marker}\n")
    if len(tails) != 1:
        raise ValueError(f"expected one line {marker.strip()!r}, found {len(tails)}")
    return f"{head}{marker}\n{content}"
