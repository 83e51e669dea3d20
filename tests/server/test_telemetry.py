import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from server import telemetry


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before
    structlog.reset_defaults()


def fail(password: str) -> None:
    raise ValueError("it broke")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_values(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    telemetry.configure(log_format, "info")  # type: ignore[arg-type]
    try:
        fail("hunter2" + "!")
    except ValueError as error:
        structlog.get_logger("hatful.test").error("unexpected error", exc_info=error)
    logged = capsys.readouterr().err
    assert "it broke" in logged
    assert "in fail" in logged
    assert "hunter2!" not in logged


def test_a_machine_reads_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("json", "info")
    structlog.get_logger("hatful.test").info("hello", number=1)
    logging.getLogger("library").warning("careful, %s", "you")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["number"], ours["level"], ours["logger"]) == ("hello", 1, "info", "hatful.test")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("careful, you", "warning", "library")


def test_a_library_s_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("console", "info")
    try:
        fail("x")
    except ValueError:
        logging.getLogger("library").warning("retrying", exc_info=True)
    [line] = capsys.readouterr().err.splitlines()
    assert "it broke" in line


def test_keeps_quiet_below_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("console", "warning")
    structlog.get_logger("hatful.test").info("hello")
    logging.getLogger("library").info("hello")
    assert capsys.readouterr().err == ""
