"""The processes on the box: vision, core, reasoner, publisher, supervisor; the command line."""
