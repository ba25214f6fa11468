"""Reasoning backends."""
