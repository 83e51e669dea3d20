"""The demo's story: the same people, posts and payments each time it is told."""

from demo.conversations import conversations
from demo.crowd import follows, reactions
from demo.events import Story
from demo.people import people
from demo.phrases import smalltalk, topics
from demo.purses import gifts, top_ups


def story() -> Story:
    """Everything that happens. It takes a moment to think up."""
    about, said = topics(), smalltalk()
    everyone = people(about)
    posts = conversations(everyone, about, said)
    followed = follows(everyone)
    given = gifts(everyone, posts, followed, said)
    return Story(
        people=everyone,
        posts=posts,
        follows=followed,
        reactions=reactions(everyone, posts, followed),
        top_ups=top_ups(everyone, given),
        gifts=given,
    )
