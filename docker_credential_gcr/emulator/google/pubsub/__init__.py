"""Cloud Pub/Sub (pubsub.googleapis.com): topics, subscriptions and their messages."""
