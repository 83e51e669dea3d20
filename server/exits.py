"""Why the command ends early. Each of these is one line for the operator, and an exit code."""


class OperatorError(Exception):
    """The root of this tree: something that whoever runs Hatful can put right."""

    exit_code = 1


class WrongSettingError(OperatorError):
    """A setting that cannot be used."""

    exit_code = 2


class OutdatedDatabaseError(OperatorError):
    """A database whose tables are not those that this Hatful needs."""

    exit_code = 3


class UnusableDatabaseError(OperatorError):
    """A database that does not answer, or is not one that can be used."""


class AddressError(OperatorError):
    """An address that cannot be listened on."""


class NotEmptyError(OperatorError):
    """Demo data was to go into a database that holds something already."""


class NoSuchSubjectError(OperatorError):
    """An account or an access token that is named and is not there."""


class SchemaFileError(OperatorError):
    """A file that was to hold a schema, and does not."""

    exit_code = 2


class WorkerError(OperatorError):
    """A worker process did not start."""


class TransferError(OperatorError):
    """A top-up or a withdrawal that is not there, or of which that cannot be said now."""


class NetworkError(OperatorError):
    """A network that cannot be asked, or is not one of those that are set up."""
