"""Control API under /_emulator/, for which Google has no API: health, journal, faults, clock, reset."""
