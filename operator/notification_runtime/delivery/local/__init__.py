"""What the channels that write in the pod have in common: files, lines, and a message as JSON."""
