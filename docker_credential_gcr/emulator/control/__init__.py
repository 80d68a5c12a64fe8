"""What Google has no API for, under /_emulator/: health, journal, faults, clock, reset."""
