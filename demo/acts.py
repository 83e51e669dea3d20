"""How each thing in the story is done: through the commands that users call."""

from demo.cast import token_name, token_of
from demo.events import END, Follow, Payment, Person, Post, Reaction, Tip, TopUp
from demo.scene import Scene
from models.money import Money
from resolvers import accounts, payments, posts, tips, top_ups, users
from resolvers.context import App, Store
from resolvers.ids import Kind, public_id
from resolvers.inputs import MoneyAsked
from resolvers.payments import RecipientAsked


async def open_account(app: App, store: Store, person: Person) -> None:
    """Somebody joins, without a password: nobody signs in to the demo by one."""
    scene = Scene(app, store, None, person.joined, person.handle)
    user_id = await accounts.register(scene, person.handle, person.name, person.bio, None)
    assert user_id == person.id, "an account's first id is its own"


async def write(app: App, store: Store, post: Post) -> None:
    """Somebody posts."""
    scene = Scene(app, store, post.author, post.moment, post.name)
    reply_to = None if post.parent is None else _id_of(post.parent)
    quote_of = None if post.quoted is None else _id_of(post.quoted)
    written = await posts.create_post(scene, post.text, reply_to, quote_of)
    assert written.id == post.id, "a post's first id is its own"


async def follow(app: App, store: Store, follow: Follow) -> None:
    """Somebody follows somebody."""
    name = f"{follow.follower.handle} follows {follow.followed.handle}"
    scene = Scene(app, store, follow.follower, follow.moment, name)
    await users.follow_user(scene, public_id(Kind.USER, follow.followed.id), on=True)


async def react(app: App, store: Store, reaction: Reaction) -> None:
    """Somebody likes or reposts a post."""
    name = f"{reaction.person.handle} likes {reaction.post.name}"
    scene = Scene(app, store, reaction.person, reaction.moment, name)
    command = posts.repost_post if reaction.reposts else posts.like_post
    await command(scene, _id_of(reaction.post), on=True)


async def top_up(app: App, store: Store, top_up: TopUp) -> None:
    """Somebody puts money into their wallet."""
    name = f"top-up of {top_up.person.handle} in {top_up.amount.currency}"
    scene = Scene(app, store, top_up.person, top_up.moment, name)
    await top_ups.top_up_wallet(scene, None, _asked(top_up.amount), key=name)


async def give(app: App, store: Store, gift: Tip | Payment) -> None:
    """Somebody tips a post, or sends money to somebody."""
    name = f"gift of {gift.sender.handle} {gift.moment.isoformat()}"
    scene = Scene(app, store, gift.sender, gift.moment, name)
    amount = _asked(gift.amount)
    if isinstance(gift, Tip):
        await tips.tip_post(scene, _id_of(gift.post), amount, note=gift.note, visibility=gift.visibility, key=name)
    else:
        recipient = RecipientAsked(public_id(Kind.USER, gift.recipient.id), None)
        await payments.send_money(scene, recipient, amount, note=gift.note, visibility=gift.visibility, key=name)


async def grant_token(app: App, store: Store, person: Person) -> None:
    """A visitor may be one of the cast."""
    scene = Scene(app, store, person, END, token_name(person.handle))
    await accounts.grant_demo_token(scene, person.id, token_of(person.handle))


def _id_of(post: Post) -> str:
    return public_id(Kind.POST, post.id)


def _asked(amount: Money) -> MoneyAsked:
    return MoneyAsked(amount.amount, amount.currency)
