"""The command line `notif`, which is `kubectl notif` too: sends, lists and explains notifications."""
