"""Long work that people ask for: one job after the other, each in a process of its own.

`edge_agent.jobs` is started by the supervisor at the highest niceness. It takes the oldest job
that waits in the store, starts `edge_agent.jobs.child` for it, and sees to it that a job whose
process fails, hangs or is killed ends as `failed`, with words. `edge_agent.jobs.registry` says
which kinds there are and how a new one is added.
"""
