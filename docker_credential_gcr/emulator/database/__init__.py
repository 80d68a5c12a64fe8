"""Database of a data directory: the engine, the schema, its migrations, and a small store for each table."""
