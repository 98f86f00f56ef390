"""Write what is generated from the settings model: for Pulumi, for people, for editors, for programs of others.

That is Pulumi.yaml's config block, stacks/README.md's table, stacks/schema.json and the component's arguments. Run it after a change of infra/platform_infra/settings/sections.py: `python -m tools.declare`.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from platform_infra.settings import declarations

ROOT = Path(__file__).resolve().parents[1]
CONFIG_MARK = "# Generated from infra/platform_infra/settings/sections.py by `python -m tools.declare`.\n"
TABLE_MARK = (
    "<!-- Generated from infra/platform_infra/settings/sections.py by `python -m tools.declare`. -->\n"
)

FIELDS_MARK = "    # Generated from the settings model by `python -m tools.declare`.\n"


def project_file(text: str) -> str:
    """Return Pulumi.yaml's text with the config block as it is generated now."""
    head = text.split(CONFIG_MARK, 1)[0]
    block = yaml.safe_dump({"config": declarations.config_block()}, sort_keys=False, width=110)
    return f"{head}{CONFIG_MARK}{block}"


def stacks_readme(text: str) -> str:
    """Return the README's text with the table as it is generated now."""
    return f"{text.split(TABLE_MARK, 1)[0]}{TABLE_MARK}\n{declarations.markdown_table()}"


def schema_file() -> str:
    """Return the text of the schema that editors check a stack's file with."""
    return json.dumps(declarations.editor_schema(), indent=2) + "\n"


def arguments_file(text: str) -> str:
    """Return the text of the component's arguments with the fields as they are generated now."""
    return f"{text.split(FIELDS_MARK, 1)[0]}{FIELDS_MARK}{declarations.component_arguments()}"


RENEWED = {
    ROOT / "Pulumi.yaml": project_file,
    ROOT / "stacks" / "README.md": stacks_readme,
    ROOT / "infra" / "platform_infra" / "component_args.py": arguments_file,
}
"""Files that a part of is generated of."""


def main() -> None:
    """Write all of it."""
    (ROOT / "stacks" / "schema.json").write_text(schema_file(), "utf-8")
    for file, renew in RENEWED.items():
        file.write_text(renew(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
