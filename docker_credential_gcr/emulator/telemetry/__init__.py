"""Telemetry for the operator: metrics, a log of requests, health and readiness."""
