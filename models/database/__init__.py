"""The database: statements compiled once, run on the raw driver, on SQLite or PostgreSQL."""

from models.database.connection import Database, Transaction
from models.database.errors import (
    ConstraintError,
    ContentionError,
    DatabaseError,
    InvalidUrlError,
    UnavailableError,
    UniqueError,
)
from models.database.expressions import any_number_of, any_of, any_pair_of, columns_of, insert
from models.database.opening import open_database
from models.database.pages import PageQuery
from models.database.statements import Command, Query

__all__ = [
    "Command",
    "ConstraintError",
    "ContentionError",
    "Database",
    "DatabaseError",
    "InvalidUrlError",
    "PageQuery",
    "Query",
    "Transaction",
    "UnavailableError",
    "UniqueError",
    "any_number_of",
    "any_of",
    "any_pair_of",
    "columns_of",
    "insert",
    "open_database",
]
