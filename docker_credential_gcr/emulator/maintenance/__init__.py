"""Maintenance of a data directory: garbage collection, snapshots, fsck and rebuild."""
