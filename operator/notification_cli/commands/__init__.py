"""One module for each command: its options, then its work, whose imports wait until the command runs."""
