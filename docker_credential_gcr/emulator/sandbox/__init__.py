"""Sandbox of `gcr-emulator run`: namespaces and processes."""
