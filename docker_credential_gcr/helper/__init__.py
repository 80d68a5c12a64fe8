"""The credential helper: Docker's verbs, and what stands behind them."""

PROGRAM = "docker-credential-gcr"
# Not by name from an index: the package is not published on one.
INSTALL = f"pipx install .  # in a checkout of {PROGRAM}"
SUFFIX = "gcr"  # what config.json calls the program: Docker runs docker-credential-SUFFIX
