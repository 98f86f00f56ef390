"""What becomes of a target now: the steps that are asked, each a rule of its own. Pure."""
