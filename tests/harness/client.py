"""A client for stories: GraphQL over HTTP, as any client would speak it."""

from typing import Any, NamedTuple

import httpx2

from tests.harness.leaks import numbers_told

PATIENCE_SECONDS = 60.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: httpx2.Headers
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The data of an answer that holds no error."""
        assert "errors" not in self.body, self.body["errors"]
        assert self.status == 200, self
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def codes(self) -> list[str]:
        """The codes of the top-level errors."""
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


class Client:
    """One visitor, with cookies of their own. `http` is there for what is not GraphQL."""

    def __init__(self, url: str, token: str | None = None) -> None:
        hooks = {"response": [_search]}
        self.http = httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False, event_hooks=hooks)
        self._token = token

    def run(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Answer:
        """Runs an operation, signed in by `token`, else by the client's own."""
        token = token or self._token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": query} if variables is None else {"query": query, "variables": variables}
        response = self.http.post("/graphql", json=body, headers=headers)
        return Answer(response.status_code, response.headers, response.json())

    def close(self) -> None:
        """Closes its connections."""
        self.http.close()


def _search(response: httpx2.Response) -> None:
    """No answer holds a card's or an account's number, whatever was asked."""
    response.read()
    assert numbers_told(response.text + str(response.headers)) == []
