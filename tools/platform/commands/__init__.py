"""The commands: one module per command, with the typer function as `app` and its work below."""
