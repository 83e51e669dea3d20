"""The control endpoint: sets faults, moves the clock, shows the books, and spoils settlement lines.

| call | does |
| --- | --- |
| `GET /` | where the faces are, and what time it is |
| `POST /clock` `{"seconds": 86400}` | moves the clock forward |
| `GET /faults`, `POST /faults`, `DELETE /faults` | the faults to come; one more (a `Fault`); none |
| `GET /books/{network}` | its movements, its booked lines, and what all of them move |
| `POST /movements/{id}/return` `{"code": "R01", "seconds": 0}` | has a movement come back |
| `POST /lines`, `PATCH /lines/{id}` `{"amount": 1}`, `DELETE /lines/{id}` | an extra, a wrong, a missing line |
| `POST /reset` | begins anew |
"""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.books import Line, UnknownMovementError
from simulator.faults import Fault
from simulator.world import Face, World

DONE = 204


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Forward(_Order):
    """How far the clock is moved."""

    seconds: float = Field(ge=0)


class Return(_Order):
    """How a movement comes back."""

    code: str
    seconds: float = Field(default=0, ge=0)


class Rewrite(_Order):
    """What a line is to say."""

    amount: int


class Control:
    """What the control endpoint can do."""

    def __init__(self, world: World, addresses: dict[str, str]) -> None:
        self._world = world
        self._addresses = addresses

    async def home(self, request: Request) -> Response:
        return JSONResponse({"faces": self._addresses, "now": self._world.clock.now().isoformat()})

    async def move_clock(self, request: Request) -> Response:
        order = Forward.model_validate_json(await request.body())
        self._world.clock.forward(timedelta(seconds=order.seconds))
        return await self.home(request)

    async def faults(self, request: Request) -> Response:
        return JSONResponse([_json(fault) for fault in self._world.faults.waiting()])

    async def add_fault(self, request: Request) -> Response:
        fault = Fault.model_validate_json(await request.body())
        self._world.faults.add(fault)
        return JSONResponse(_json(fault), 201)

    async def clear_faults(self, request: Request) -> Response:
        self._world.faults.reset()
        return Response(status_code=DONE)

    async def books(self, request: Request) -> Response:
        network, now, books = request.path_params["network"], self._world.clock.now(), self._world.books
        movements = [
            {**_json(movement), "status": movement.status(now), "reversed": books.is_reversed(movement.id, now)}
            for movement in books.movements(network)
        ]
        lines = [_json(line) for line in books.lines(network, now)]
        return JSONResponse({"movements": movements, "lines": lines, "moved": books.moved(network, now)})

    async def give_back(self, request: Request) -> Response:
        order = Return.model_validate_json(await request.body())
        when = self._world.clock.now() + timedelta(seconds=order.seconds)
        return JSONResponse(_json(self._world.books.give_back(request.path_params["id"], order.code, when)))

    async def add_line(self, request: Request) -> Response:
        return JSONResponse(_json(self._world.books.add(Line.model_validate_json(await request.body()))), 201)

    async def rewrite_line(self, request: Request) -> Response:
        order = Rewrite.model_validate_json(await request.body())
        line = self._world.books.line(request.path_params["id"]).model_copy(update={"amount": order.amount})
        return JSONResponse(_json(self._world.books.add(line)))

    async def drop_line(self, request: Request) -> Response:
        self._world.books.drop(self._world.books.line(request.path_params["id"]).id)
        return Response(status_code=DONE)

    async def reset(self, request: Request) -> Response:
        self._world.reset()
        return Response(status_code=DONE)


def control(world: World, addresses: dict[str, str], port: int) -> Face:
    """The control endpoint of a world. `addresses` are those of the faces, and may be filled later."""
    does = Control(world, addresses)
    routes = [
        Route("/", does.home),
        Route("/clock", does.move_clock, methods=["POST"]),
        Route("/faults", does.faults, methods=["GET"]),
        Route("/faults", does.add_fault, methods=["POST"]),
        Route("/faults", does.clear_faults, methods=["DELETE"]),
        Route("/books/{network}", does.books),
        Route("/movements/{id}/return", does.give_back, methods=["POST"]),
        Route("/lines", does.add_line, methods=["POST"]),
        Route("/lines/{id}", does.rewrite_line, methods=["PATCH"]),
        Route("/lines/{id}", does.drop_line, methods=["DELETE"]),
        Route("/reset", does.reset, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {ValidationError: _refuse, UnknownMovementError: _miss}
    return Face("control", Starlette(routes=routes, exception_handlers=handlers), port)


async def _refuse(request: Request, error: ValidationError) -> Response:
    return JSONResponse(error.errors(include_url=False, include_context=False), 400)


async def _miss(request: Request, error: UnknownMovementError) -> Response:
    return JSONResponse({"unknown": error.args[0]}, 404)


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
