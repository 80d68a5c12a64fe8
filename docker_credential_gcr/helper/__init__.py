"""The credential helper: Docker's verbs, and what stands behind them."""

PROGRAM = "docker-credential-gcr"
SUFFIX = "gcr"  # what config.json calls the program: Docker runs docker-credential-SUFFIX
