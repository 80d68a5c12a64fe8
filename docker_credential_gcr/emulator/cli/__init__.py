"""Commands of gcr-emulator: one file for each command, one folder for each kind of command."""
