"""What every part stands on, and knows nothing of."""
