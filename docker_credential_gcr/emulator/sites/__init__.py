"""Sites: hosts, ports and locations of the services that the emulator serves."""
