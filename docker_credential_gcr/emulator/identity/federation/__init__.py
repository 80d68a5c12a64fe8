"""Workload identity federation: providers, subject tokens and the principals of their identities."""
