"""Middleware: what surrounds every request, whatever the site."""
