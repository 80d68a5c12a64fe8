"""Middleware: the layers around every request, of any site."""
