"""Rendering: templates, and Markdown for each channel, from texts to texts. Pure."""
