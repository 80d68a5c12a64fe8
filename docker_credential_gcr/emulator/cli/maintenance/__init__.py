"""Commands that work on a data directory, or on a database and a store: gc, fsck, rebuild, move, migrate."""
