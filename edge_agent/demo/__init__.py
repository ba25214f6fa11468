"""The demo plant: real footage, simulated sensors, an independent subscriber, a report."""
