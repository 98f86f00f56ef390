"""What is mounted into the operator's pods."""
