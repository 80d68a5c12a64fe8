"""SQLite engine: connections, group commit, write-ahead log, snapshots; no other folder knows SQLite."""
