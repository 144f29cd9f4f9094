"""What `manage.py run` says while the platform is not ready."""

import json

import pytest

from mlplatform.management.commands.run import unready_services

DOWN = {"checks": {"database": "no answer", "datasets": "ok", "trained_models": "no answer"}}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (json.dumps(DOWN).encode(), "database: no answer, trained_models: no answer"),
        (b"<html>", "the web server does not respond as expected"),
        (b"[1]", "the web server does not respond as expected"),
    ],
)
def test_the_services_that_do_not_answer_are_named(body, sentence):
    assert unready_services(body) == sentence
