"""Stores for accounts, keys, logins and federation: one module for each table."""
