"""Tests of models.exam."""
