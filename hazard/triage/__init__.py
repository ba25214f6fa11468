"""Triage: the policy's verdict, the ladder that applies authority, and the words."""
