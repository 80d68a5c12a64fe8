"""SQLite, and what is its own."""
