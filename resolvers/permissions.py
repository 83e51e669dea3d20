"""Who may see and do what. Every such decision is made here; resolvers ask for it and obey.

Three things decide:

- Who asks. What is private belongs to one person, or to the two parties of a transfer, and is there for nobody else.
- With what. A session may do all that its person may; an access token, what its scopes say:

  | scope | lets a token |
  | --- | --- |
  | `READ` | see what is private |
  | `WRITE` | post, like, follow, block, and see what it has so marked |
  | `PAY` | move money, and see the balance that this leaves |

  One with a spend limit moves money to other people and nowhere else: what it can reach is bounded by the limit.

- Blocks. Neither of the two reaches the other, whatever the token. The conditions for statements are in `blocks`.

That a command needs a scope is its first line, `ctx.actor(scope)`; that a read does, `ctx.reader()`.
`tests/schema/authorisation.txt` shows what comes of all this, for each field and each mutation.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlmodel import col

from models.accounts import TokenKind
from models.database import Query, any_of
from models.database.connection import Reader
from models.database.statements import Params
from models.security import SecurityEventKind
from models.transfers import TransferKind, Visibility
from models.types import Id
from models.users import Follow
from resolvers import blocks
from resolvers.blocks import VIEWER, unless_blocked
from resolvers.context import Context, TokenScope, Viewer
from resolvers.errors import BlockedError, NotPermittedError, Path, Refused, UserError

if TYPE_CHECKING:
    from resolvers.transfers import TransferRow

READER = bindparam("private_to", type_=Id())
"""In conditions of a statement: the viewer, if the token may see what is private to them."""


class _Owned(Protocol):
    @property
    def user_id(self) -> UUID: ...


Key = TypeVar("Key")
OwnedRow = TypeVar("OwnedRow", bound=_Owned)


class _FollowedRow(NamedTuple):
    followed_id: UUID


followed = Query(
    _FollowedRow, select(col(Follow.followed_id)).where(col(Follow.follower_id) == VIEWER, any_of(Follow.followed_id))
)


# What a token reaches


def reader_id(ctx: Context) -> UUID | None:
    """The viewer, who may see what is private to them; None when signed out, or by a token without READ."""
    return ctx.viewer_id if _has(ctx, TokenScope.READ) else None


def reader_or_nobody(ctx: Context) -> UUID:
    """The parameter READER."""
    return blocks.or_nobody(reader_id(ctx))


def marker_id(ctx: Context) -> UUID | None:
    """The viewer, who may see what they have liked, reposted, followed and blocked; else None.

    Whoever may write could find it out by doing it again.
    """
    return ctx.viewer_id if _has(ctx, TokenScope.READ) or _has(ctx, TokenScope.WRITE) else None


def by_marker(ctx: Context) -> Params | None:
    """The viewer as a parameter of a statement, if they may see what they have marked; else None."""
    marker = marker_id(ctx)
    return None if marker is None else {"viewer": marker}


def payer_id(ctx: Context) -> UUID | None:
    """The viewer, who may move money; else None."""
    return ctx.viewer_id if _has(ctx, TokenScope.PAY) else None


def session(ctx: Context, what: str = "Sessions, passkeys and access tokens") -> Viewer:
    """The viewer, who may manage sessions, passkeys, tokens and funding sources.

    An access token may not: it would make another that may do more, or move money to a card of its own.
    """
    viewer = ctx.actor(TokenScope.WRITE)
    if viewer.kind is TokenKind.ACCESS:
        raise Refused(NotPermittedError(f"{what} are managed from a session, not with an access token."))
    return viewer


def account_holder(ctx: Context) -> Viewer:
    """The viewer, who may move money between the wallet and what they own elsewhere, such as a card.

    A token with a spend limit may not, however little it asks for: its holder is trusted with the limit, and not with
    what the owner has elsewhere.
    """
    viewer = ctx.actor(TokenScope.PAY)
    if viewer.spend_limit is not None:
        ctx.note_refusal(SecurityEventKind.SCOPE_REFUSED)
        message = (
            "An access token with a spend limit may not move money between the wallet and a card or a bank account."
        )
        raise Refused(NotPermittedError(message))
    return viewer


def _has(ctx: Context, scope: TokenScope) -> bool:
    return ctx.viewer is not None and scope in ctx.viewer.scopes


# What belongs to one person


def own(ctx: Context, rows: Mapping[Key, OwnedRow]) -> dict[Key, OwnedRow]:
    """Those rows that are private to the viewer."""
    reader = reader_id(ctx)
    return {key: row for key, row in rows.items() if row.user_id == reader}


# Transfers


def is_party(transfer: "TransferRow", user_id: UUID | None) -> bool:
    """Whether somebody sent or received the transfer."""
    return user_id is not None and user_id in (transfer.sender_id, transfer.recipient_id)


async def visible_transfers(ctx: Context, rows: "list[TransferRow]") -> "list[TransferRow]":
    """Those transfers that the viewer may see: as a party, or as their visibility says."""
    reader, viewer_id = reader_id(ctx), ctx.viewer_id
    others = [row.sender_id for row in rows if row.sender_id is not None and not is_party(row, viewer_id)]
    within = await followed_by(ctx, reader, others)
    apart = await blocks.blocks_between(ctx.database, viewer_id, others) if viewer_id is not None else []
    hidden = {key for row in apart for key in row} - {viewer_id}

    def may_see(row: "TransferRow") -> bool:
        if is_party(row, reader):
            return True
        if row.sender_id in hidden:
            return False
        if row.visibility is Visibility.FOLLOWERS:
            return row.sender_id in within
        return row.visibility is Visibility.PUBLIC

    return [row for row in rows if may_see(row)]


async def followed_by(ctx: Context, user_id: UUID | None, others: list[UUID]) -> set[UUID]:
    """Whom of the others somebody follows; nobody follows nobody."""
    if user_id is None or not others:
        return set()
    rows = await ctx.database.fetch(followed, viewer=user_id, keys=others)
    return {row.followed_id for row in rows}


def visible_tip(columns: Any) -> list[ColumnElement[bool]]:
    """The same of a tip, as conditions of a statement: READER is a party or may see it, and no block is in the way."""
    follows = Follow.__table__.alias()  # type: ignore[attr-defined]
    followed = select(follows.c.followed_id).where(
        follows.c.follower_id == READER, follows.c.followed_id == columns.sender_id
    )
    return [
        columns.kind == TransferKind.TIP,
        or_(
            columns.visibility == Visibility.PUBLIC,
            columns.sender_id == READER,
            columns.recipient_id == READER,
            and_(columns.visibility == Visibility.FOLLOWERS, followed.exists()),
        ),
        unless_blocked(columns.sender_id),
    ]


# What one may do to others


def blocked(path: Path) -> UserError:
    """The refusal when one of the two has blocked the other."""
    return BlockedError("One of you has blocked the other.", path)


async def refusal_to_reach(reader: Reader, viewer: Viewer, other_id: UUID, path: Path) -> UserError | None:
    """Why the viewer may not follow, answer, like or pay somebody; None if they may."""
    return blocked(path) if await blocks.is_blocked(reader, viewer.user_id, other_id) else None


def refusal_to_change(viewer: Viewer, author_id: UUID) -> UserError | None:
    """Why the viewer may not change or delete a post; None if they may."""
    return None if author_id == viewer.user_id else NotPermittedError("Only its author may change a post.", ("id",))


def refusal_to_tip(viewer: Viewer, author_id: UUID, *, is_blocked: bool) -> UserError | None:
    """Why the viewer may not tip a post; None if they may."""
    if author_id == viewer.user_id:
        return NotPermittedError("You cannot tip your own post.", ("postId",))
    return blocked(("postId",)) if is_blocked else None


async def refusal_to_pay(reader: Reader, viewer: Viewer, recipient_id: UUID) -> UserError | None:
    """Why the viewer may not send somebody money; None if they may."""
    if recipient_id == viewer.user_id:
        return NotPermittedError("You cannot send money to yourself.", ("to",))
    return await refusal_to_reach(reader, viewer, recipient_id, ("to",))


def refusal_to_refund(viewer_id: UUID, transfer: "TransferRow") -> UserError | None:
    """Why somebody who is a party may not give a transfer back; None if they may."""
    if transfer.kind not in (TransferKind.TIP, TransferKind.PAYMENT):
        return NotPermittedError("Only tips and payments can be refunded.", ("transferId",))
    if transfer.recipient_id != viewer_id:
        return NotPermittedError("Only its recipient can refund a transfer.", ("transferId",))
    return None
