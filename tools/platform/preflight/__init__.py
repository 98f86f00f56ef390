"""What a cluster must permit before a stack can be brought up in it."""
