"""Rendering: templates, and Markdown for each channel. A message is never lost to either of them."""
