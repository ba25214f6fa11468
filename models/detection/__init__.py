"""Detectors: one protocol, three backends."""
