"""Drills: the product under faults that are made on purpose, judged by what others received."""
