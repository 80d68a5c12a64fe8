"""The database: its schema, its one writer, and a module of small functions for each noun."""
