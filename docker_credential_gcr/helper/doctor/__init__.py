"""Checks of `doctor`, from the machine to the registry, with their remedies; and what `status` shows."""
