from datetime import timedelta

from django.utils import timezone

from registry.jobs import limits
from registry.models import TrainingGroup, TrainingJob
from registry.training.request import TrainingRequest


def test_the_expected_duration_follows_earlier_trainings_in_proportion_to_their_rows(make_job):
    assert make_job().expected_s is None
    start = timezone.now()
    TrainingJob.objects.update(started_at=start, finished_at=start + timedelta(seconds=12))
    assert limits.expected_seconds("DecisionTreeClassifier", rows=24) == 12
    twice = 24 + 1_024  # of which 1,000 are those that no table is too small for
    assert limits.expected_seconds("DecisionTreeClassifier", rows=twice) == 2 + 2 * 10  # 2 s to start
    assert limits.expected_seconds("DecisionTreeClassifier", rows=24, fits=5) == 2 + 5 * 10
    assert limits.expected_seconds("SVC", rows=48) is None


def test_folds_and_a_refit_count_as_fits():
    request = TrainingRequest("tree", "DecisionTreeClassifier", cv=5, cv_repeats=2, refit=True)
    assert request.fits == 1 + 2 * 4 + 1


def test_trainings_of_groups_say_nothing_about_one_algorithm(make_job):
    job = make_job()
    TrainingGroup.objects.create(job=job, kind="auto", metric="accuracy", keep="best")
    assert limits.expected_seconds(job.algorithm, rows=24) is None
    assert limits.expected_bytes(job.algorithm, rows=24, features=3) is None


def test_the_expected_memory_follows_earlier_trainings_in_proportion_to_their_cells(make_job):
    job = make_job(features=["length", "width"])
    TrainingJob.objects.update(memory_peak_bytes=limits.START_BYTES + 1_000)
    assert limits.expected_bytes(job.algorithm, rows=50_024, features=2) == limits.START_BYTES + 2_000
    assert limits.expected_bytes("SVC", rows=48, features=4) is None


def test_without_a_requested_time_limit_the_platforms_limit_applies(settings):
    settings.TRAIN_TIMEOUT_S = 60
    assert limits.timeout(None) == 60
    assert limits.timeout(5) == 5
