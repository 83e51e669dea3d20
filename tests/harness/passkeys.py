"""People with passkeys, past HTTP: what they do, and why it is refused."""

from typing import Any, NamedTuple

from models.security import SecurityEventKind
from resolvers import passkeys, security
from resolvers.context import App, Context, SecurityEventRow
from resolvers.errors import InputError, UserError
from resolvers.passkeys import PasskeyRow
from tests.harness.authenticator import Authenticator, Json
from tests.harness.town import Person, Town, refusal

HAPPENED = SecurityEventKind

WRONG = InputError("This passkey is not known here, or its answer is wrong.", ("credential",))
TOO_LATE = InputError("This has been answered before, or it took too long. Begin again.", ("credential",))
NO_PASSKEY = InputError("This is no passkey for this site.", ("credential",))
NO_ANSWER = InputError("This is not the answer of an authenticator.", ("credential",))


class Owner(NamedTuple):
    """Somebody with a passkey."""

    person: Person
    phone: Authenticator
    passkey: PasskeyRow


async def registered(person: Person, phone: Authenticator, name: str = "Phone") -> PasskeyRow:
    options = dict(await passkeys.begin_registration(person.ctx()))
    return await passkeys.register(person.ctx(), phone.create(options), name)


async def owner(town: Town, handle: str = "ada", **phone: Any) -> Owner:
    person, authenticator = await town.newcomer(handle), Authenticator(**phone)
    return Owner(person, authenticator, await registered(person, authenticator))


async def options_of(app: App) -> Json:
    """What somebody gets who begins to sign in."""
    return dict(await passkeys.begin_sign_in(Context(app, None)))


async def signs_in(app: App, phone: Authenticator) -> Context:
    """The request by which somebody has signed in."""
    ctx = Context(app, None, address="192.0.2.7")
    await passkeys.sign_in(ctx, phone.get(await options_of(app)))
    return ctx


async def refused(app: App, answer: Json) -> UserError:
    """Why an answer is refused. Nobody is signed in by it, and what was noted is written."""
    ctx = Context(app, None)
    error = await refusal(passkeys.sign_in(ctx, answer))
    assert (ctx.viewer, ctx.session) == (None, None)
    await security.write_refusals(ctx)
    return error


async def events_of(person: Person) -> list[SecurityEventRow]:
    [page] = await security.security_events_of(person.ctx(), [person.as_viewer], first=100)
    return [edge.node for edge in page.edges]


async def names_of(person: Person) -> list[str]:
    [found] = await passkeys.passkeys_of(person.ctx(), [person.as_viewer])
    return [passkey.name for passkey in found]
