"""PostgreSQL: the database of many servers; needs the extra `scale`."""
