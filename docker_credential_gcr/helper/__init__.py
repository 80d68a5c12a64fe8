"""Credential helper: Docker's verbs, token sources, Google's authentication and the cache of tokens."""

PROGRAM = "docker-credential-gcr"
# From a checkout: no package index has it.
INSTALL = f"pipx install .  # in a checkout of {PROGRAM}"
SUFFIX = "gcr"  # the program's name in config.json: Docker runs docker-credential-SUFFIX
