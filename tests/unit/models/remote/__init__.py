"""Tests of the remote engine that need no server."""
