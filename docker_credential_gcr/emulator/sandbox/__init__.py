"""Sandbox of `gcr-emulator run`: namespaces, processes and credentials."""
