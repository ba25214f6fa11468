"""Tests of hazard.triage."""
