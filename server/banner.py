"""What is on the screen once the server answers."""

import json
from uuid import uuid4

from rich.console import Console
from rich.markup import escape

from server import demonstration
from server.addresses import masked
from server.settings import Settings

TIP = (
    "mutation($postId: ID!, $key: String!) {"
    ' tipPost(input: {postId: $postId, amount: {amount: "2.50"}, idempotencyKey: $key}) {'
    " tip { amount { formatted } } post { tipTotal { formatted } }"
    " wallet { balance { available { formatted } version } } replayed userErrors { ... on UserError { message } } } }"
)
FEED = "{ feed(first: 3) { nodes { text author { handle } } } }"


def show(console: Console, settings: Settings, address: str) -> None:
    """Prints where Hatful is, who can sign in, and a request to paste."""
    endpoint = f"{address}/graphql"
    asks = "Tip a post and read the new balance, in one round trip:" if settings.demo else "Read the latest posts:"
    lines = [
        "",
        f"  [bold green]Hatful[/] is listening on [bold]{address}[/]",
        "",
        *_facts(settings, endpoint),
        "",
        f"  {asks}",
        "",
        escape(_tip(endpoint) if settings.demo else _curl(endpoint, FEED)),
        "",
        "  [dim]Ctrl-C stops it.[/]",
        "",
    ]
    console.print("\n".join(lines), soft_wrap=True)  # however wide the screen: a broken line could not be pasted


def _facts(settings: Settings, endpoint: str) -> list[str]:
    facts = [("GraphiQL", endpoint), ("Database", escape(masked(settings.database_url)))]
    if settings.demo:
        known = [f"@{account.handle}, token [bold]{account.token}[/]" for account in demonstration.accounts()]
        facts += zip(["Accounts", *[""] * len(known)], known, strict=False)
    return [f"  [dim]{name:<11}[/]{value}" for name, value in facts]


def _tip(endpoint: str) -> str:
    variables = {"postId": demonstration.example_post(), "key": str(uuid4())}
    return _curl(endpoint, TIP, variables, demonstration.accounts()[0].token)


def _curl(endpoint: str, query: str, variables: dict[str, str] | None = None, token: str | None = None) -> str:
    body = {"query": query} | ({"variables": variables} if variables else {})
    headers = ["Content-Type: application/json", *([f"Authorization: Bearer {token}"] if token else [])]
    lines = [f"curl {endpoint}", *(f"-H '{header}'" for header in headers), f"-d '{json.dumps(body)}'"]
    return " \\\n  ".join(lines)
