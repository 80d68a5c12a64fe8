"""The words of the field as values: pure functions over bytes and strings, with no I/O."""
