"""Ten questions of a team, each answered in at most two clicks from Home, by every role.

A click follows a link of the page, or submits one of its forms.
"""

import re
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from django.utils.html import escape, strip_tags

from registry.models import ModelVersion, TrainingJob
from registry.releases.promotion import promote

MODEL = "/registry/models/flowers"
NOW = "{now}"
# The question; the clicks, each a link or the address of a form with what is entered; and a part of the answer.
QUESTIONS = [
    ("Who was live on the 3rd?", ["/registry/releases/", ("/registry/releases/", {"at": NOW})],
     "flowers production Version 2"),
    ("Why did row 12 get this prediction?",
     ["/serving/flowers/production/", ("post /serving/flowers/production/", {"number": 12})], "Reasons"),
    ("Which models use column length?", [("/search/", {"q": "length"}), "/catalog/flowers/column/?name=length"],
     "Used by version 3 DecisionTreeClassifier, live in dev version 2"),
    ("What failed last night?", ["/registry/jobs/?state=any_failure"], "timed out"),
    ("What is live, and how much traffic has it?", [], "Calls, 24 h"),
    ("Which dataset version was version 3 trained on?", [f"{MODEL}/3/"], "Dataset flowers, version 1"),
    ("Who promoted it?", ["/registry/releases/"], "Promotion by ada"),
    ("What changed between versions 2 and 3?",
     [("/registry/models/compare/", {"model": ["flowers/2", "flowers/3"]})], "max_depth 2 3"),
    ("Which version is best on F1?", ["/registry/models/", ("/registry/models/", {"ordering": "-f1_score"})],
     "Leaderboard"),
    ("What waits for me?", [], "What is live and how it does, what is running, and what waits for you."),
]  # fmt: skip


@pytest.fixture
def team(make_user, make_dataset, make_version, make_job, admin):
    """Three versions, of which the second is live in production, and a training that has failed."""
    source = make_dataset()
    for depth in (1, 2, 3):
        version = make_version(source, params={"max_depth": depth})
    promote(ModelVersion.objects.get(number=2), stage="production", by=admin)
    failed = version.job
    failed.pk = None
    failed.state, failed.error = "timed_out", "The training exceeded its 8-second limit."
    failed.save(force_insert=True)
    assert TrainingJob.objects.count() == 4


def text_of(page: str) -> str:
    return " ".join(strip_tags(re.sub(r"<", " <", page)).split())


@pytest.mark.parametrize("role", ["viewer", "data scientist", "release manager"])
def test_ten_questions_are_answered_in_two_clicks_from_home(team, sign_in, role):
    client = sign_in(role)
    home = client.get("/").text
    for question, clicks, answer in QUESTIONS:
        text = home
        assert len(clicks) <= 2
        for click in clicks:
            target, data = click if isinstance(click, tuple) else (click, {})
            method, _, path = target.rpartition(" ")
            link = f'href="{escape(path)}' if not data else f'action="{path}'
            assert link in text, (question, path)
            data = {
                name: timezone.now().isoformat() if value == NOW else value for name, value in data.items()
            }
            separator = "&" if "?" in path else "?"
            address = f"{path}{separator}{urlencode(data, doseq=True)}" if data else path
            response = client.post(path, data) if method else client.get(address)
            assert response.status_code == 200, (question, path, response.status_code)
            text = response.text
        assert answer in text_of(text), (question, text_of(text))
