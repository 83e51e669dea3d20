"""The page on which a card's number is typed: one form and no script, so that there is nothing in it to be trusted."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from starlette.responses import HTMLResponse

from rails import Kept
from rails.sandbox import CARDS, NOT_FOR_TESTS

PATH = "/vault/cards"
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #f6f4ef; margin: 0 }
main { max-width: 26rem; margin: 3rem auto; padding: 2rem; background: #fff; border-radius: .75rem }
h1 { font-size: 1.4rem; margin-top: 0 }
label { display: block; margin: 1rem 0 }
input { display: block; box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem; font: inherit }
button { padding: .6rem 1.2rem; font: inherit }
code { display: block; padding: .6rem; background: #f6f4ef; overflow-wrap: anywhere }
[role=alert] { color: #a00000 }
@media (prefers-color-scheme: dark) {
  body, code { color: #eee; background: #1b1a18 }
  main { background: #292825 }
  [role=alert] { color: #ff9a8d }
}
"""
_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Without a referrer a browser does not say either from which origin it sends a form.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
FORM = f"""
<form method="post" action="{PATH}">
  <label>Card number
    <input name="number" inputmode="numeric" autocomplete="cc-number" maxlength="32" required autofocus></label>
  <label>Expires
    <input name="expires" autocomplete="cc-exp" placeholder="MM/YY" maxlength="9" required></label>
  <button>Keep it in the vault</button>
</form>
<p>The security code on its back is not needed.</p>
"""


def form(*, sandbox: bool, failure: str | None = None, status: int = 200) -> HTMLResponse:
    """The form, with what was wrong with what it sent before. It repeats nothing of that."""
    alert = f'<p role="alert">{escape(failure)}</p>' if failure else ""
    note = f"<p>{escape(NOT_FOR_TESTS.format(next(iter(CARDS))))}</p>" if sandbox else ""
    return _page("Link a debit card", f"{alert}{note}{FORM}", status)


def kept(card: Kept) -> HTMLResponse:
    """The token of a card that is in the vault."""
    return _page(
        "Your card is in the vault",
        f"<p>{escape(card.brand)} ending in {escape(card.last4)}, good until {escape(card.expires or '')}.</p>"
        f"<p>This token links it to your account, once and within an hour:</p><code>{escape(card.token)}</code>"
        "<p>Give it to the app that has sent you here, or to the mutation <i>linkCard</i>.</p>",
    )


def failed(message: str, status: int, headers: dict[str, str] | None = None) -> HTMLResponse:
    """Why there is no form."""
    return _page("Link a debit card", f'<p role="alert">{escape(message)}</p>', status, headers)


def _page(title: str, body: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Hatful</title>
<style>{STYLE}</style>
</head>
<body><main><h1>{title}</h1>{body}</main></body>
</html>
"""
    return HTMLResponse(text, status, {**HEADERS, **(headers or {})})
