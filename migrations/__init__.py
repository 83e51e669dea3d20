"""The tables' history: Alembic revisions that run on SQLite and on PostgreSQL."""
