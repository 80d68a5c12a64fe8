"""Events of changed images: the outbox, the events of deletions, and the leases of those who deliver."""
