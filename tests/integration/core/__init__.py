"""The agent core with a real store, a real socket and a real broker."""
