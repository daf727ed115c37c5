"""Rollouts, a progressive delivery engine for Kubernetes. Only the version lives here."""

__version__ = "0.1.0"
