"""The agent core: one asyncio loop that owns sensors, rules, incidents, triage and alarms."""
