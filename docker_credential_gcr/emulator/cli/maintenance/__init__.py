"""Commands that work on a data directory."""
