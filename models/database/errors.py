"""What can go wrong with a database, whichever driver says so."""


class DatabaseError(Exception):
    """The root of this tree. Its text may name tables and values: log it, never show it."""


class InvalidUrlError(DatabaseError):
    """The database's address is not one that can be used. The message is for the operator."""


class UnavailableError(DatabaseError):
    """The database cannot be reached, or is too busy to answer in time. Trying again may help."""


class ContentionError(DatabaseError):
    """The transaction lost against another one and was undone whole. Run it again."""


class ConstraintError(DatabaseError):
    """A row breaks a rule that the database holds."""


class UniqueError(ConstraintError):
    """A row with this key stands already."""
