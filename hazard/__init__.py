"""The domain of Hazard Edge: types, catalogue, rules, incidents, triage, alarms, store."""
