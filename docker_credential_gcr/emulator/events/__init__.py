"""Delivery of events: from the outbox to those that are told what happened to images."""
