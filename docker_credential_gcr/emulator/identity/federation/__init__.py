"""Workload identity federation: providers, subject tokens and the principals they become."""
