"""`hazard bench dashboard`: how the dashboard's cost grows with what is stored."""
