"""Commands that work on a data directory: gc, fsck, rebuild."""
