"""Database access for projects, policies and the resources of Google's APIs: one module for each table."""
