"""What the zones and rules editor stands on: the file as data, its forms, checks and the ground."""
