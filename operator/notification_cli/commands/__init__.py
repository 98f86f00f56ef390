"""One module for each verb: its options, then its work, whose imports wait until the verb runs."""
