"""What a run of the stack tests tells: lines while it goes, a table of groups at the end, and a page."""
