"""How far the demo has come in a database."""

from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from demo.cast import CAST, token_name, user_id_of
from demo.events import END, identity
from models.accounts import Token
from models.database import Query, any_of
from models.users import User
from resolvers.context import App


class State(Enum):
    """What a database holds."""

    EMPTY = auto()
    PARTIAL = auto()
    """A part of the demo: filling it was interrupted, and goes on where it was."""
    FILLED = auto()
    OTHER = auto()
    """Other people than the demo's."""


class _Found(NamedTuple):
    id: UUID


_anybody = Query(_Found, select(col(User.id)).limit(1))
_people = Query(_Found, select(col(User.id)).where(any_of(User.id)))
_tokens = Query(_Found, select(col(Token.id)).where(any_of(Token.id)))


async def state(app: App) -> State:
    """How far the demo has come in the application's database."""
    database = app.database
    # The tokens of the cast are granted last, all in one transaction.
    if await database.first(_tokens, keys=[identity(END, token_name(handle)) for handle in CAST]):
        return State.FILLED
    if await database.first(_people, keys=[user_id_of(handle) for handle in CAST]):
        return State.PARTIAL
    return State.EMPTY if await database.first(_anybody) is None else State.OTHER


async def is_filled(app: App) -> bool:
    """Whether the whole demo is in the application's database."""
    return await state(app) is State.FILLED
