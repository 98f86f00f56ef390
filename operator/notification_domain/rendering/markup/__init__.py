"""From Markdown to the markup of each service."""
