"""Modules that need the standard library alone, and that every other folder may import."""
