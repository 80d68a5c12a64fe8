"""Commands of gcr-emulator: one file for each command, in one folder for each kind."""
