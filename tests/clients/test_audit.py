"""GraphQL over HTTP, as the audits of its reference implementation see it: all that MUST, SHOULD and MAY be."""

from tests.harness import node
from tests.harness.server import Server


def test_passes_every_audit_of_graphql_over_http(shared_server: Server) -> None:
    audits = node.answer("audit.mjs", f"{shared_server.url}/graphql")
    failed = [f"{audit['id']} {audit['name']}: {audit['reason']}" for audit in audits if audit["status"] != "ok"]
    assert failed == []
    assert f"{len(audits) - len(failed)} of {len(audits)}" == "61 of 61"
