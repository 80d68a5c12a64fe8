"""Stores for projects, policies and the resources of Google APIs: one module for each table."""
