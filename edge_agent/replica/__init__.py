"""The process that copies the node's database to a PostgreSQL: never in the way of an alarm."""
