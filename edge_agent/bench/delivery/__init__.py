"""Delivery: from a stored incident to a subscriber, against two floors measured beside it."""
