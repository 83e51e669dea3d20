"""Hygiene that executes: what CONTRIBUTING and docs/architecture.md say of the rooms is so."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text())
# Rooms of product code: folders with Python in them that are no tests and no tools.
TOOLS = {"tests", "web", "docs", "benchmarks"}
ROOMS = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py") if path.parent.name not in TOOLS)

LEFTOVERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "stuff"}
MAX_LINES = 450

MARKS = ["TO" + "DO", "FIX" + "ME", "X" * 3]
# Hosts that packages are fetched from, written apart so that they are not found here.
STRANGE = [
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry.yarn" + "pkg.com",
    "pypi.org/" + "simple",
]
MACHINE_FOLDER = re.compile(r"(?<![\w.~/-])/(?:root|Users|home/[a-z]+)/[\w.]")


def tracked() -> list[Path]:
    """The files that are part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := HOUSE / name).is_file()]


TRACKED = tracked()


def texts() -> Iterator[tuple[str, str]]:
    """The project's text files, by their names."""
    for path in TRACKED:
        try:
            yield str(path.relative_to(HOUSE)), path.read_text()
        except UnicodeDecodeError:
            continue


def product_files() -> list[Path]:
    return [path for path in TRACKED if path.suffix == ".py" and path.relative_to(HOUSE).parts[0] in ROOMS]


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def test_there_are_rooms_to_look_at() -> None:
    assert {"execution", "ledger", "migrations", "models", "rails", "resolvers", "schema", "server"} <= set(ROOMS)
    assert len(product_files()) > 50


def test_imports_go_one_way() -> None:
    check = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([check, "--no-cache"], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_every_room_is_installed_and_has_its_imports_checked() -> None:
    assert sorted(PYPROJECT["tool"]["uv"]["build-backend"]["module-name"]) == ROOMS
    assert sorted(PYPROJECT["tool"]["importlinter"]["root_packages"]) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_line_in_the_architecture(room: str) -> None:
    assert f"`{room}/`" in (HOUSE / "docs" / "architecture.md").read_text()


def test_only_the_settings_read_the_environment() -> None:
    readers = set()
    for path in product_files():
        for node in nodes(path):
            is_attribute = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
            is_import = isinstance(node, ast.ImportFrom) and node.module == "os"
            if is_attribute or is_import:
                readers.add(name_of(path))
    assert readers == {"server/settings.py"}


def test_no_file_is_named_for_leftovers() -> None:
    found = [name_of(path) for path in TRACKED if LEFTOVERS & set(re.split(r"[._-]", path.name.lower()))]
    folders = [name_of(path) for path in TRACKED if LEFTOVERS & set(path.relative_to(HOUSE).parts)]
    assert found + folders == []


def test_no_class_manages() -> None:
    managers = [
        f"{name_of(path)}: {node.name}"
        for path in product_files()
        for node in nodes(path)
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name)
    ]
    assert managers == []


def test_nothing_is_left_for_later() -> None:
    found = [f"{name}: {mark}" for name, text in texts() for mark in MARKS if re.search(rf"\b{mark}\b", text)]
    assert found == []


def test_no_file_holds_both_sides_of_a_merge() -> None:
    assert [name for name, text in texts() if re.search(r"^[<>]{7} ", text, re.MULTILINE)] == []


def test_no_file_knows_where_packages_were_fetched_from() -> None:
    assert [f"{name}: {host}" for name, text in texts() for host in STRANGE if host in text] == []


def test_no_file_knows_somebodys_machine() -> None:
    found = [f"{name}: {folder}" for name, text in texts() for folder in MACHINE_FOLDER.findall(text)]
    assert found == []


def test_no_file_outgrows_a_few_screens() -> None:
    lines = {name_of(path): path.read_text().count("\n") for path in TRACKED if path.suffix == ".py"}
    longest = {name: count for name, count in lines.items() if count > MAX_LINES and "versions" not in name}
    assert longest == {}


def test_money_is_never_a_float() -> None:
    exact = [HOUSE / "models" / "money.py", HOUSE / "models" / "ledger.py", *(HOUSE / "ledger").rglob("*.py")]
    # Waiting a little before another try is the one thing there that is not about money.
    floats = [
        f"{name_of(path)}:{node.lineno}"
        for path in exact
        for node in nodes(path)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float) and path.name != "engine.py")
        or (isinstance(node, ast.Name) and node.id == "float" and path.name != "verify.py")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]
    assert floats == []


def test_only_the_ledger_touches_its_tables() -> None:
    own = {"Account", "Journal", "Posting", "Entry", "Idempotency"}
    strangers = [
        f"{name_of(path)}: {name.name}"
        for path in product_files()
        if path.relative_to(HOUSE).parts[0] not in {"ledger", "models"}
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and node.module == "models.ledger"
        for name in node.names
        if name.name in own
    ]
    assert strangers == []


def test_no_asset_is_executable_by_accident() -> None:
    executable = [
        name_of(path) for path in TRACKED if path.stat().st_mode & 0o111 and not path.read_bytes().startswith(b"#!")
    ]
    assert executable == []


def test_every_text_ends_with_one_newline() -> None:
    ragged = [name for name, text in texts() if text and not re.search(r"[^\n]\n\Z", text) and "\0" not in text]
    assert ragged == []
