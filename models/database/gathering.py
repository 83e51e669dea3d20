"""Reads that are asked for at the same moment, sent together."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, NamedTuple

from models.database.connection import Ask, Database, Reader, Transaction
from models.database.errors import UnavailableError
from models.database.statements import Query, Row


class _Asked(NamedTuple):
    ask: Ask
    answer: "asyncio.Future[list[Any]]"


class Gathering(Reader):
    """The reads of one operation: what its fields ask for at once makes one trip to the database.

    A read that stands alone goes alone, and at once. One that is asked for twice is made once; its rows are shared.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[_Asked] = []
        self._under_way: set[asyncio.Future[list[list[Any]]]] = set()

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        return await self._answer_of(Ask(query, params))

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of the database's own."""
        return self._database.transaction()

    def let_go(self) -> None:
        """Waits for no read any longer; what the database has begun for nobody else, it ends."""
        for answers in list(self._under_way):
            self._database.let_go(answers)

    def _answer_of(self, ask: Ask) -> "asyncio.Future[list[Any]]":
        for one in self._asked:
            if one.ask.query is ask.query and one.ask.params == ask.params:
                return one.answer
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._send)  # behind all that runs now, and may ask for something too
        answer: asyncio.Future[list[Any]] = loop.create_future()
        self._asked.append(_Asked(ask, answer))
        return answer

    def _send(self) -> None:
        asked, self._asked = self._asked, []
        self._send_together(asked)

    def _send_together(self, asked: list[_Asked]) -> None:
        try:
            answers = self._database.ask([one.ask for one in asked])
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(asked, error)
        else:
            self._under_way.add(answers)
            answers.add_done_callback(partial(self._tell, asked))

    def _tell(self, asked: list[_Asked], answers: "asyncio.Future[list[list[Any]]]") -> None:
        self._under_way.discard(answers)
        if answers.cancelled():
            for one in asked:
                one.answer.cancel()
            return
        error = answers.exception()
        if error is not None:
            self._fail(asked, error)
            return
        for one, rows in zip(asked, answers.result(), strict=True):
            if not one.answer.done():
                one.answer.set_result(rows)

    def _fail(self, asked: list[_Asked], error: BaseException) -> None:
        if len(asked) > 1 and not isinstance(error, UnavailableError):
            for one in asked:  # one of them is at fault: it must not take the others with it
                self._send_together([one])
            return
        for one in asked:
            if not one.answer.done():
                one.answer.set_exception(error)
