"""What is wrong with files of notifications, receivers and routing rules."""
