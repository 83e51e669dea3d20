"""The command `hatful`. What a command needs is imported when it runs, so that the quick ones are quick."""

import sys
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Annotated

import typer

from server.exits import AddressError, OperatorError, SchemaFileError

hatful = typer.Typer(name="hatful", add_completion=False, pretty_exceptions_enable=False, no_args_is_help=False)
ledger = typer.Typer()
hatful.add_typer(ledger, name="ledger", help="Look into the ledger.")
rails = typer.Typer()
hatful.add_typer(rails, name="rails", help="See to money on its way in or out.")
vault = typer.Typer()
hatful.add_typer(vault, name="vault", help="See to the keys of card and account numbers.")

Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The database's address: sqlite:////file.db or postgresql://user@host/name."),
]
Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="The port; 0 takes a free one.")]
TransferId = Annotated[str, typer.Argument(metavar="ID", help="The transfer: topup_… or withdrawal_….")]
Frozen = Annotated[str, typer.Argument(metavar="NAME", help="A handle, or the id of an access token: token_….")]
Demo = Annotated[bool, typer.Option("--demo", help="The demo, with a database of its own.")]


def main() -> None:
    """Runs the command, and ends with one line when it cannot."""
    try:
        code = hatful(standalone_mode=False, prog_name="hatful")
    except typer.TyperException as error:
        code = _complain(error.format_message(), getattr(error, "exit_code", 2))
    except OperatorError as error:
        code = _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code or 0)


@hatful.callback(invoke_without_command=True)
def _hatful(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """A social feed with payments, over one GraphQL endpoint."""
    if show_version:
        typer.echo(f"hatful {version('hatful')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@hatful.command()
def serve(
    demo: Demo = False,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="The address to listen on: 127.0.0.1.")] = None,
    port: Annotated[str | None, typer.Option(metavar="PORT", help="The port to listen on: 8000.")] = None,
    database: Database = None,
    workers: Annotated[str | None, typer.Option(metavar="N", help="How many processes share the port: 1.")] = None,
) -> None:
    """Serve the feed on http://127.0.0.1:8000/graphql."""
    from server import settings

    chosen = settings.load(demo=demo or None, host=host, port=port, database=database, workers=workers)

    from server import serving  # only now: it brings along all that serves, and a wrong setting needs none of it

    serving.serve(chosen)


@hatful.command()
def migrate(
    database: Database = None,
    demo: Demo = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare the migrations with the models.")] = False,
    new: Annotated[str | None, typer.Option(metavar="TEXT", help="Write a migration that does TEXT.")] = None,
) -> None:
    """Bring a database's tables up to date."""
    from server import preparation, settings

    if check:
        raise typer.Exit(_check_migrations())
    if new is not None:
        _write_migration(new)
        return
    chosen = settings.load(demo=demo or None, database=database)
    preparation.migrate(chosen)
    typer.echo(f"The tables in {_masked(chosen.database_url)} are up to date.")


@hatful.command()
def demo(database: Database = None) -> None:
    """Fill an empty database with the demo's people, posts and money."""
    from rich.console import Console

    from server import preparation, settings

    chosen = settings.load(demo=True, database=database)
    preparation.fill(chosen, Console(highlight=False))
    typer.echo(f"The demo is in {_masked(chosen.database_url)}.")


@hatful.command()
def schema(
    since: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only name what breaks clients of the schema in FILE.")
    ] = None,
) -> None:
    """Print the schema in GraphQL's schema definition language."""
    from schema import sdl

    if since is not None:
        raise typer.Exit(_name_breaking_changes(since))
    typer.echo(sdl(), nl=False)


@hatful.command()
def simulator(
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where clients' certificates go: a new folder of its own.")
    ] = None,
    control_port: Port = 0,
    visa_port: Port = 0,
    stripe_port: Port = 0,
    bank_port: Port = 0,
) -> None:
    """Play the networks by which money comes and goes, for tests and for trying things out."""
    from simulator import app

    chosen = folder or Path(mkdtemp(prefix="hatful-simulator-"))
    chosen.mkdir(parents=True, exist_ok=True)
    try:
        app.run(app.Ports(control_port, visa_port, bank_port, stripe_port), chosen, partial(_tell_addresses, chosen))
    except OSError as error:
        raise AddressError(f"The simulator cannot listen: {error.strerror or error}.") from None


@hatful.command()
def freeze(
    name: Frozen,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks into it later.")],
    database: Database = None,
    demo: Demo = False,
) -> None:
    """Have an account or an access token move no money until it is thawed."""
    from server import settings, standing

    changed = standing.freeze(settings.load(demo=demo or None, database=database), name, reason)
    typer.echo(f"{name} is frozen." if changed else f"{name} was frozen already.")


@hatful.command()
def freezes(database: Database = None, demo: Demo = False) -> None:
    """List what is frozen, and why."""
    from server import settings, standing

    found = standing.all_freezes(settings.load(demo=demo or None, database=database))
    for one in found:
        whose = "" if one.name == one.handle else f" of {one.handle}"
        typer.echo(f"{one.name}{whose}, since {one.frozen_at:%Y-%m-%d %H:%M} UTC: {one.reason}")
    if not found:
        typer.echo("Nothing is frozen.")


@hatful.command()
def thaw(name: Frozen, database: Database = None, demo: Demo = False) -> None:
    """End a freeze."""
    from server import settings, standing

    changed = standing.thaw(settings.load(demo=demo or None, database=database), name)
    typer.echo(f"{name} is frozen no more." if changed else f"{name} was not frozen.")


@hatful.command()
def tier(
    handle: Annotated[str, typer.Argument(metavar="HANDLE", help="Whose.")],
    tier: Annotated[int, typer.Argument(metavar="0|1|2", min=0, max=2, help="2 is for those whom you trust.")],
    database: Database = None,
    demo: Demo = False,
) -> None:
    """Give an account at least this tier, by which its limits on money go."""
    from server import settings, standing

    standing.grant_tier(settings.load(demo=demo or None, database=database), handle, tier)
    typer.echo(f"{handle} has tier {tier}, or what its cards and bank accounts give.")


@ledger.command()
def verify(
    database: Database = None,
    demo: Demo = False,
    head: Annotated[
        str | None, typer.Option(metavar="NUMBER:HASH", help="A head that was kept elsewhere, to compare with.")
    ] = None,
) -> None:
    """Add up the whole ledger, compare it with every balance, and make every seal again."""
    from server import auditing, settings

    raise typer.Exit(auditing.audit(settings.load(demo=demo or None, database=database), head))


@ledger.command()
def check(database: Database = None, demo: Demo = False) -> None:
    """Check what holds at any moment, without the seals; money may move meanwhile."""
    from server import auditing, settings

    raise typer.Exit(auditing.look(settings.load(demo=demo or None, database=database)))


@ledger.command()
def seal(
    database: Database = None,
    demo: Demo = False,
    lag: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Leave out what is newer: 300. 0 while nobody pays.")
    ] = None,
) -> None:
    """Seal what is due, and print the head, to be kept elsewhere."""
    from server import auditing, settings

    raise typer.Exit(auditing.close_books(settings.load(demo=demo or None, database=database), lag))


@rails.command("list")
def list_waiting(database: Database = None, demo: Demo = False) -> None:
    """List what waits for people: outcomes that no network tells, and lines of its books that do not fit."""
    from server import desk, settings

    raise typer.Exit(desk.list_waiting(settings.load(demo=demo or None, database=database)))


@rails.command()
def retry(transfer_id: TransferId, database: Database = None, demo: Demo = False) -> None:
    """Ask the network once more what has become of a transfer."""
    from server import desk, settings

    raise typer.Exit(desk.retry(settings.load(demo=demo or None, database=database), transfer_id))


@rails.command()
def resolve(
    transfer_id: TransferId,
    outcome: Annotated[str, typer.Argument(metavar="approved|declined", help="What the network has done.")],
    code: Annotated[str | None, typer.Option(metavar="CODE", help="The network's code for it.")] = None,
    database: Database = None,
    demo: Demo = False,
) -> None:
    """Write down what has become of a transfer that waits for people, as the network has told you."""
    from server import desk, settings

    chosen = settings.load(demo=demo or None, database=database)
    raise typer.Exit(desk.resolve(chosen, transfer_id, outcome, code))


@rails.command()
def reconcile(
    rail: Annotated[str | None, typer.Argument(metavar="RAIL", help="One rail, such as VISA_DIRECT; else all.")] = None,
    database: Database = None,
    demo: Demo = False,
) -> None:
    """Read the networks' books now, and name what does not fit."""
    from server import desk, settings

    raise typer.Exit(desk.reconcile(settings.load(demo=demo or None, database=database), rail))


@vault.command()
def key() -> None:
    """Print a new key, for HATFUL_VAULT_KEYS."""
    from rails.vault import new_key

    typer.echo(new_key())


@vault.command()
def rotate(database: Database = None, demo: Demo = False) -> None:
    """Encrypt all card and account numbers anew, with the first of the vault's keys."""
    from server import settings, vault_rotation

    chosen = settings.load(demo=demo or None, database=database)
    count = vault_rotation.rotate(chosen)
    typer.echo(f"Numbers in {_masked(chosen.vault_url)} that the first key has encrypted now: {count:,}.")


def _tell_addresses(folder: Path, addresses: Mapping[str, str]) -> None:
    for name, address in addresses.items():
        typer.echo(f"{name} {address}")
    typer.echo(f"certificates {folder}")


def _name_breaking_changes(since: Path) -> int:
    from graphql import GraphQLError

    from schema import breaking_changes

    try:
        changes = breaking_changes(since.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, GraphQLError, TypeError) as error:
        raise SchemaFileError(f"{since} is no schema that can be read: {error}") from None
    for change in changes:
        typer.echo(change)
    return 1 if changes else 0


def _check_migrations() -> int:
    from models.database import migrate

    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'empty.db'}"
        migrate.upgrade(url)
        differences = migrate.differences(url)
    for difference in differences:
        typer.echo(difference)
    return 1 if differences else 0


def _write_migration(message: str) -> None:
    from models.database import migrate

    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'empty.db'}"
        migrate.upgrade(url)
        migrate.new_revision(url, message)


def _masked(url: str) -> str:
    from server.addresses import masked

    return masked(url)


def _complain(message: str, code: int) -> int:
    typer.echo(f"hatful: {' '.join(message.split())}", err=True)
    return code
