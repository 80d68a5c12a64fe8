"""Click commands, what both programs share: completion scripts, manual pages, argument checks."""
