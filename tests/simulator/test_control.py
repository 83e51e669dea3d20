"""The simulator as a process, over its control endpoint."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.harness.server import command, surroundings
from tests.harness.simulator import Simulator, simulate


def control(simulator: Simulator, method: str, path: str, body: object = None) -> httpx2.Response:
    return httpx2.request(method, simulator.addresses["control"] + path, json=body, trust_env=False)


def test_the_clock_can_be_moved_and_put_back(simulator: Simulator) -> None:
    simulator.forward(days=3)
    ahead = datetime.fromisoformat(control(simulator, "GET", "/").json()["now"]) - datetime.now(UTC)
    simulator.reset()
    back = datetime.fromisoformat(control(simulator, "GET", "/").json()["now"]) - datetime.now(UTC)
    assert (ahead.days, round(ahead.total_seconds() / 86_400), round(back.total_seconds() / 86_400)) in {
        (2, 3, 0),
        (3, 3, 0),
    }


def test_it_ends_when_it_is_told_to_and_has_nothing_to_complain_of(tmp_path: Path) -> None:
    with simulate(tmp_path):
        pass
    assert (tmp_path / "simulator.log").read_text() == ""


def test_a_port_that_is_taken_is_told_in_one_line(simulator: Simulator, tmp_path: Path) -> None:
    port = simulator.addresses["control"].rpartition(":")[2]
    words = command("simulator", "--control-port", port, "--folder", str(tmp_path))
    run = subprocess.run(words, env=surroundings(tmp_path), capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "hatful: The simulator cannot listen: Address already in use.\n"


def test_faults_wait_in_a_queue(simulator: Simulator) -> None:
    simulator.fault("visa.pull", "DECLINED", code="51")
    simulator.fault("visa.*", "STATUS", status=503, times=2)
    assert [fault["does"] for fault in control(simulator, "GET", "/faults").json()] == ["DECLINED", "STATUS"]
    simulator.reset()
    assert control(simulator, "GET", "/faults").json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", {"operation": "visa.pull", "does": "EXPLODE"}, 400),
        ("POST", "/faults", {"operation": "visa.pull", "does": "SILENT", "loudly": True}, 400),
        ("POST", "/clock", {"seconds": -1}, 400),
        ("POST", "/movements/nobodys/return", {"code": "R01"}, 404),
        ("PATCH", "/lines/nobodys", {"amount": 1}, 404),
        ("DELETE", "/lines/nobodys", None, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    simulator: Simulator, method: str, path: str, body: object, status: int
) -> None:
    assert control(simulator, method, path, body).status_code == status


def test_lines_can_be_added_changed_and_dropped(simulator: Simulator) -> None:
    line = {
        "id": "extra-1",
        "network": "visa",
        "movement": "nobodys",
        "kind": "SETTLED",
        "amount": 500,
        "currency": "USD",
        "booked_at": "2026-01-01T00:00:00Z",
    }
    simulator.add_line(**line)
    simulator.rewrite_line("extra-1", 700)
    assert [(line["id"], line["amount"]) for line in simulator.books("visa")["lines"]] == [("extra-1", 700)]
    simulator.drop_line("extra-1")
    assert simulator.books("visa")["lines"] == []
