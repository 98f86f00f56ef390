"""The kinds of the API as typed models, and the keys of targets. Pure."""
