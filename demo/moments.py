"""When things happen: by day more than by night, and answers soon after what they answer."""

from datetime import datetime, timedelta
from random import Random

from demo.events import BEGIN, END

# How much is posted in each hour of the day, in UTC. People live in many places, so it is never quite still.
_HOURS = (3, 2, 2, 2, 3, 5, 7, 9, 10, 10, 9, 9, 10, 9, 9, 9, 10, 11, 13, 14, 13, 11, 8, 5)
_SPREAD = 1.3
_MILLISECOND = timedelta(milliseconds=1)


def by_day(random: Random, end: datetime) -> datetime:
    """A moment between the beginning and `end`; the later days are livelier."""
    days = (end - BEGIN).days + 1
    while True:
        day = int(days * random.random() ** 0.8)
        [hour] = random.choices(range(24), _HOURS)
        moment = BEGIN + timedelta(days=day, hours=hour) + random.randrange(3_600_000) * _MILLISECOND
        if moment < end:
            return moment


def after(random: Random, moment: datetime, typical: timedelta) -> datetime:
    """A moment some time after another one: as often sooner as later than `typical`, now and then much later."""
    rest = END - moment
    for _ in range(10):
        delay = typical * random.lognormvariate(0, _SPREAD) + timedelta(seconds=5)
        if delay < rest:
            return moment + delay // _MILLISECOND * _MILLISECOND
    return moment + int(rest * random.random() / _MILLISECOND) * _MILLISECOND


def within(random: Random, begin: datetime, end: datetime) -> datetime:
    """Any moment between two."""
    return begin + int((end - begin) * random.random() / _MILLISECOND) * _MILLISECOND


def soon(random: Random, moment: datetime, longest: timedelta) -> datetime:
    """A moment not long after another one, and before the end, however near that is."""
    return within(random, moment, min(moment + longest, moment + (END - moment) * 0.6))
