"""Each a command that prints a ratio against a named peer, a physical limit or a real history."""
