"""What a changed site file would have raised, and what it would no longer have, over stored data.

Both site files look at the same tracks and readings, with the same rules and the same grouping
into incidents as live. `hazard.dry_run.run.dry_run` is the entry. Pure: no clock, no I/O.
"""
