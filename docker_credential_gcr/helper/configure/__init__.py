"""What configure-docker and unconfigure-docker change: Docker's configuration and the helper's own."""
