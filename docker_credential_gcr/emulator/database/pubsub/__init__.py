"""Tables of Pub/Sub: topics, subscriptions, and the messages that each subscription keeps."""
