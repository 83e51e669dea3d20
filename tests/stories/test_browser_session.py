"""Signing in as a browser does: by a cookie that no script can read."""

from http.cookies import SimpleCookie

from tests.harness.client import Client
from tests.stories.people import PASSWORD, new_handle

SIGN_UP = """
mutation ($handle: String!, $password: String!) {
  signUp(input: { handle: $handle, password: $password }) { token userErrors { __typename } }
}
"""
SIGN_OUT = "mutation { signOut { userErrors { __typename } } }"
WHO = "{ viewer { user { handle } } }"
COOKIE = "hatful_session"


def test_a_browser_is_signed_in_by_its_cookie_and_out_again(visitor: Client) -> None:
    handle = new_handle("ada")
    answer = visitor.run(SIGN_UP, {"handle": handle, "password": PASSWORD})
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert cookie.value == answer.data["signUp"]["token"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert 29 * 24 * 3600 < int(cookie["max-age"]) <= 30 * 24 * 3600
    assert not cookie["secure"], "it is plain HTTP within this machine, where browsers keep no Secure cookie"

    known = visitor.run(WHO)
    assert known.data == {"viewer": {"user": {"handle": handle}}}
    assert "set-cookie" not in known.headers

    gone = visitor.run(SIGN_OUT)
    assert SimpleCookie(gone.headers["set-cookie"])[COOKIE]["max-age"] == "0"
    assert COOKIE not in visitor.http.cookies
    assert visitor.run(WHO).data == {"viewer": None}


def test_a_cookie_of_a_session_that_is_over_counts_as_none_and_is_taken_away(visitor: Client) -> None:
    visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
    kept = visitor.http.cookies[COOKIE]
    visitor.run(SIGN_OUT)
    visitor.http.cookies.set(COOKIE, kept, domain=visitor.http.base_url.host)
    answer = visitor.run(WHO)
    assert answer.data == {"viewer": None}
    assert SimpleCookie(answer.headers["set-cookie"])[COOKIE]["max-age"] == "0"


def test_a_refused_sign_up_sets_no_cookie(visitor: Client) -> None:
    answer = visitor.run(SIGN_UP, {"handle": "not a handle", "password": PASSWORD})
    assert answer.data["signUp"]["userErrors"]
    assert "set-cookie" not in answer.headers


def test_a_token_wins_over_a_cookie_and_changes_none(visitor: Client) -> None:
    ada, ben = new_handle("ada"), new_handle("ben")
    token = visitor.run(SIGN_UP, {"handle": ada, "password": PASSWORD}).data["signUp"]["token"]
    visitor.run(SIGN_UP, {"handle": ben, "password": PASSWORD})
    answer = visitor.run(WHO, token=token)
    assert answer.data == {"viewer": {"user": {"handle": ada}}}
    assert "set-cookie" not in answer.headers
    assert visitor.run(WHO).data == {"viewer": {"user": {"handle": ben}}}


def test_a_get_with_a_cookie_reads_and_changes_nothing(visitor: Client) -> None:
    handle = new_handle("ada")
    visitor.run(SIGN_UP, {"handle": handle, "password": PASSWORD})
    read = visitor.http.get("/graphql", params={"query": WHO})
    assert read.json() == {"data": {"viewer": {"user": {"handle": handle}}}}
    changed = visitor.http.get("/graphql", params={"query": SIGN_OUT})
    assert changed.status_code == 405
    assert visitor.run(WHO).data == {"viewer": {"user": {"handle": handle}}}
