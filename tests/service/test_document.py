"""What the OpenAPI document promises holds for whatever is sent: no server error, no answer it does not describe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings

schemathesis = pytest.importorskip("schemathesis")

HOST = {"host": "127.0.0.1"}
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]


@pytest.mark.slow
def test_every_answer_is_one_that_the_document_describes(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "atlas", tmp_path / "atlas")
    (tmp_path / "root").mkdir()
    app = create_app(ServiceSettings(tmp_path / "atlas", writable=True, roots=(tmp_path / "root",), max_seconds=20))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HOST)
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) > 15
    with TestClient(app, base_url="http://127.0.0.1"):
        for operation in operations:
            check(operation)


def check(operation: Any) -> None:
    """Send what fits the document and what does not, and compare the answers with it."""

    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def sends(case: Any) -> None:
        case.call_and_validate(headers=HOST, checks=checks)

    sends()
