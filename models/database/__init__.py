"""The database: statements compiled once, run on the raw driver, on SQLite or PostgreSQL."""

from models.database.connection import Ask, Database, Others, Reader, Transaction
from models.database.errors import (
    ConstraintError,
    ContentionError,
    DatabaseError,
    InvalidUrlError,
    UnavailableError,
    UniqueError,
)
from models.database.expressions import (
    any_number_of,
    any_of,
    any_pair_of,
    columns_of,
    day_of,
    insert,
    is_one_of,
    share_of,
)
from models.database.gathering import Gathering, Prefetch
from models.database.opening import open_database
from models.database.pages import MergedQuery, PageQuery, Pages, Source, Way
from models.database.rows import Guard, RevisionRow, RowsCommand, RowSet, add_to_rows, insert_rows, update_rows
from models.database.statements import Command, Query

__all__ = [
    "Ask",
    "Command",
    "ConstraintError",
    "ContentionError",
    "Database",
    "DatabaseError",
    "Gathering",
    "Guard",
    "InvalidUrlError",
    "MergedQuery",
    "Others",
    "PageQuery",
    "Pages",
    "Prefetch",
    "Query",
    "Reader",
    "RevisionRow",
    "RowSet",
    "RowsCommand",
    "Source",
    "Transaction",
    "UnavailableError",
    "UniqueError",
    "Way",
    "add_to_rows",
    "any_number_of",
    "any_of",
    "any_pair_of",
    "columns_of",
    "day_of",
    "insert",
    "insert_rows",
    "is_one_of",
    "open_database",
    "share_of",
    "update_rows",
]
