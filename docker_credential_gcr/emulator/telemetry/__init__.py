"""What the server tells its operator: metrics, a log of requests, and whether it is ready."""
