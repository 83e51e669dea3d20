import re
import socket
from pathlib import Path

import pytest

from schema import sdl
from server import cli
from server.settings import are_vault_keys

RELEASED = Path(__file__).parents[1] / "schema" / "released.graphql"

pytestmark = pytest.mark.usefixtures("nothing_set")


class Ran:
    """What `hatful` said, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def line(self) -> str:
        """The one line that it complained in."""
        assert self.out == ""
        assert self.err.startswith("hatful: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("hatful: ").strip()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(monkeypatch, capsys)


class Run:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str) -> Ran:
        self._monkeypatch.setattr("sys.argv", ["hatful", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, captured.out, captured.err)


def test_says_what_it_can_do(run: Run) -> None:
    ran = run()
    assert ran.code == 0
    assert all(command in ran.out for command in ("serve", "migrate", "demo", "schema", "ledger", "rails"))


def test_prints_its_version(run: Run) -> None:
    ran = run("--version")
    assert (ran.code, ran.out.split()[0]) == (0, "hatful")


def test_prints_the_schema(run: Run) -> None:
    ran = run("schema")
    assert ran.code == 0
    assert "type Mutation {" in ran.out
    assert ran.out.endswith("}\n")


def test_nothing_breaks_clients_of_the_last_release(run: Run) -> None:
    ran = run("schema", "--since", str(RELEASED))
    assert (ran.out, ran.code) == ("", 0)


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [
        ("tipCount: Int!", "tipCount: Int!\n  sparks: Int!", "Field Earnings.sparks was removed."),
        ("on: Boolean! = true", "on: Int", "Field BlockUserInput.on changed type from Int to Boolean!."),
        ("  JPY\n", "  JPY\n  XAU\n", "Enum value CurrencyCode.XAU was removed."),
    ],
)
def test_names_what_breaks_clients_of_an_earlier_schema(
    now: str, before: str, change: str, run: Run, tmp_path: Path
) -> None:
    schema = tmp_path / "earlier.graphql"
    schema.write_text(sdl().replace(now, before, 1))
    ran = run("schema", "--since", str(schema))
    assert (ran.out.splitlines(), ran.code) == ([change], 1)


@pytest.mark.parametrize("text", [None, "", "type Query {", "type Query { a: Missing }"])
def test_says_in_one_line_that_a_file_is_no_schema(text: str | None, run: Run, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "earlier.graphql").write_text(text)
    ran = run("schema", "--since", str(tmp_path / "earlier.graphql"))
    assert ran.code == 2
    assert "earlier.graphql is no schema that can be read: " in ran.line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["serve", "--prot", "1"], "No such option: --prot (Possible options: --host, --port)"),
        (["frobnicate"], "No such command 'frobnicate'."),
        (["serve", "--port", "x"], "--port is 'x', but must be a number from 0 to 65535."),
        (["serve", "--workers", "0"], "--workers is '0', but must be a number from 1 to 64."),
        (
            ["migrate", "--database", "mysql://x"],
            "--database must be an address like sqlite:////var/lib/hatful.db or postgresql://user@host/name.",
        ),
    ],
)
def test_answers_a_wrong_option_with_one_line(run: Run, words: list[str], line: str) -> None:
    ran = run(*words)
    assert (ran.code, ran.line) == (2, line)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_the_demo_listens_on_this_machine_alone(run: Run, host: str) -> None:
    ran = run("serve", "--demo", "--host", host)
    assert ran.code == 2
    assert ran.line.endswith(f"listens on this machine alone, not on {host}.")


def test_says_that_the_port_is_taken(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = run("serve", "--port", str(port))
    assert ran.code == 1
    assert ran.line == f"Port {port} on 127.0.0.1 is taken by another program. Choose another one with --port."
    assert list(tmp_path.iterdir()) == [], "a port that is taken costs no database"


def test_says_that_a_database_does_not_answer(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        ran = run("migrate", "--database", f"postgresql://ada:hunter2@127.0.0.1:{port}/x")
    assert ran.code == 1
    assert ran.line.startswith(f"The database postgresql://ada:***@127.0.0.1:{port}/x cannot be used: ")


def test_says_what_is_wrong_with_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("This is no database, but a text of some length. " * 100)
    ran = run("migrate", "--database", "sqlite:///x.db")
    assert (ran.code, ran.line) == (1, "The database sqlite:///x.db cannot be used: file is not a database")
    ran = run("migrate", "--database", "sqlite:///no/x.db")
    assert ran.line == f"The database sqlite:///no/x.db cannot be used: there is no folder {tmp_path / 'no'}"


def test_does_not_make_a_database_to_verify_it(run: Run, tmp_path: Path) -> None:
    ran = run("ledger", "verify", "--database", "sqlite:///x.db")
    assert ran.code == 3
    assert list(tmp_path.iterdir()) == []


def test_seals_checks_and_verifies_a_ledger(run: Run) -> None:
    assert run("migrate", "--database", "sqlite:///x.db").code == 0
    for words in (["seal", "--lag", "0"], ["check"], ["verify"]):
        ran = run("ledger", *words, "--database", "sqlite:///x.db")
        assert (ran.code, ran.err) == (0, "")
    ran = run("ledger", "verify", "--database", "sqlite:///x.db", "--head", "x")
    assert ran.code == 2
    assert ran.line.startswith("--head is 'x', but must be a block's number and hash")
    ran = run("ledger", "seal", "--database", "sqlite:///x.db", "--lag", "soon")
    assert ran.code == 2


def test_sees_to_money_on_its_way(run: Run) -> None:
    database = ("--database", "sqlite:///x.db")
    assert run("migrate", *database).code == 0
    ran = run("rails", "list", *database)
    assert (ran.code, ran.out, ran.err) == (0, "Nothing waits for you.\n", "")
    ran = run("rails", "retry", "x", *database)
    assert (ran.code, ran.line) == (1, "'x' is no id of a top-up or a withdrawal: see hatful rails list.")
    ran = run("rails", "resolve", f"topup_{'0' * 32}", "approved", "--code", "00", *database)
    assert (ran.code, ran.line) == (1, f"There is no topup_{'0' * 32} that went over a network.")
    ran = run("rails", "resolve", f"topup_{'0' * 32}", "maybe", *database)
    assert (ran.code, ran.line) == (2, "The outcome is 'maybe', but must be approved or declined.")
    ran = run("rails", "reconcile", "VISA", *database)
    assert (ran.code, ran.line) == (1, "'VISA' is no rail that is set up here: there is SANDBOX.")
    assert run("rails", "reconcile", *database).code == 0


def test_freezes_lists_and_thaws_an_account(run: Run) -> None:
    database = ("--database", "sqlite:///demo.db")
    assert run("freeze", "ada", "--reason", "stolen", *database).code == 3, "it makes no database for that"
    assert run("demo", *database).code == 0
    told = [
        run(*words, *database)
        for words in (
            ("freeze", "ada", "--reason", "It looks stolen."),
            ("freeze", "ada", "--reason", "Again."),
            ("freezes",),
            ("thaw", "ada"),
            ("thaw", "ada"),
            ("freezes",),
        )
    ]
    assert [(ran.code, re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "NOW", ran.out)) for ran in told] == [
        (0, "ada is frozen.\n"),
        (0, "ada was frozen already.\n"),
        (0, "ada, since NOW UTC: It looks stolen.\n"),
        (0, "ada is frozen no more.\n"),
        (0, "ada was not frozen.\n"),
        (0, "Nothing is frozen.\n"),
    ]
    ran = run("thaw", "nobody", *database)
    assert (ran.code, ran.line) == (1, "sqlite:///demo.db has no account and no access token named 'nobody'.")


def test_a_freeze_needs_a_reason(run: Run) -> None:
    assert run("freeze", "ada").line == "Missing option '--reason'."


def test_migrates_the_default_database_into_a_folder_of_the_owner_s(run: Run, tmp_path: Path) -> None:
    ran = run("migrate")
    assert (ran.code, ran.err) == (0, "")
    [made] = tmp_path.rglob("hatful.db")
    assert made.parent.stat().st_mode & 0o077 == 0


def test_finds_no_difference_between_migrations_and_models(run: Run) -> None:
    ran = run("migrate", "--check")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_prints_a_new_key_for_the_vault_each_time(run: Run) -> None:
    keys = [run("vault", "key").out.strip() for _ in range(2)]
    assert len(set(keys)) == 2
    assert are_vault_keys(keys)


def test_rotates_the_vault_s_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("migrate", "--database", "sqlite:///x.db").code == 0
    ran = run("vault", "rotate", "--database", "sqlite:///x.db")
    assert ran.code == 2
    assert "hatful vault key" in ran.line
    monkeypatch.setenv("HATFUL_VAULT_KEYS", run("vault", "key").out.strip())
    ran = run("vault", "rotate", "--database", "sqlite:///x.db")
    told = "Numbers in sqlite:///x.db that the first key has encrypted now: 0.\n"
    assert (ran.code, ran.out, ran.err) == (0, told, "")
    monkeypatch.setenv("HATFUL_VAULT_KEYS", run("vault", "key").out.strip())
    ran = run("vault", "rotate", "--database", "sqlite:///x.db")
    assert ran.code == 2
    assert "Nothing is lost" in ran.line


def test_does_not_make_a_database_to_rotate_its_keys(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HATFUL_VAULT_KEYS", run("vault", "key").out.strip())
    ran = run("vault", "rotate", "--database", "sqlite:///x.db")
    assert ran.code == 3
    assert list(tmp_path.iterdir()) == []
