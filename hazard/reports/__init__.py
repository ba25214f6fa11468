"""Reports for people as PDF: of an incident, of a week. Nothing is read but the fonts."""
