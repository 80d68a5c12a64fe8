"""What keeps a data directory sound and small: garbage collection, checks, and a way back from damage."""
