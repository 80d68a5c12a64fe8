"""Measurements of scripts/bench: the helper, the start of commands, the registry, attacks, request traces."""
