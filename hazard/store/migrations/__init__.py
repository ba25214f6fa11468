"""Alembic migrations, packaged: `hazard.store.schema` runs them from the program."""
