"""The checks of `doctor`, and the status: the machine, the two configurations, the helper, the registry."""
