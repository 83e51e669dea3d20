"""What a creator's tips brought in."""

from datetime import datetime

import strawberry

from schema.money import Money
from schema.posts import Post
from schema.users import User


@strawberry.type(description="What one UTC day brought in.")
class EarningsDay:
    """What one UTC day brought in."""

    day: datetime = strawberry.field(description="When the day began.")
    total: Money = strawberry.field(description="What it brought in.")


@strawberry.type(description="What one post brought in.")
class PostEarnings:
    """What one post brought in."""

    post: Post = strawberry.field(description="The post.")
    total: Money = strawberry.field(description="What it brought in.")


@strawberry.type(description="What one person gave.")
class SupporterEarnings:
    """What one person gave."""

    user: User = strawberry.field(description="The person.")
    total: Money = strawberry.field(description="What they gave, less fees and refunds.")


@strawberry.type(description="What tips brought in during a time, less fees and refunds.")
class Earnings:
    """What tips brought in during a time, less fees and refunds."""

    total: Money = strawberry.field(description="All of it.")
    tip_count: int = strawberry.field(description="How many tips there were.")
    by_day: list[EarningsDay] = strawberry.field(description="By UTC day, oldest first, without empty days.")
    top_posts: list[PostEarnings] = strawberry.field(description="The ten posts that brought in the most.")
    top_supporters: list[SupporterEarnings] = strawberry.field(description="The ten people who gave the most.")
