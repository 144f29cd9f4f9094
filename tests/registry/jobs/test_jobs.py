"""The life of a job in the database: taken once, renewed, tried again, cancelled, ended."""

import errno
import io
import sys
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from registry.jobs import limits, submission, worker
from registry.jobs.attempt import Reporter, run_attempt
from registry.management.commands.run_attempt import ToTheWorker
from registry.models import JobState, ModelVersion, TrainingJob


@pytest.fixture
def job(make_dataset):
    def make(**fields):
        request = {"model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}}}
        source = make_dataset()
        wanted = {"target_column": "species", "features": ["length"], "test_size": 0.2, "random_state": 1}
        return TrainingJob.objects.create(
            dataset_name=source.dataset.name,
            dataset_version=source,
            request=request | wanted | {"description": ""},
            **fields,
        )

    return make


@pytest.fixture
def running(job):
    def make(*, expired=False, **fields):
        expiry = timezone.now() + timedelta(seconds=-1 if expired else 20)
        return job(**({"state": JobState.RUNNING, "attempt": 1, "lease_expires_at": expiry} | fields))

    return make


def now_of(job: TrainingJob) -> TrainingJob:
    return TrainingJob.objects.get(pk=job.pk)


def test_a_job_is_taken_once(job):
    queued = job()
    taken = leases.take(TrainingJob, queued.pk, worker="here:1")
    assert (taken.state, taken.attempt, taken.worker) == (JobState.RUNNING, 1, "here:1")
    assert taken.lease_expires_at > timezone.now() + timedelta(seconds=25)
    assert leases.take(TrainingJob, queued.pk, worker="there:2") is None


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.SUCCEEDED, JobState.RUNNING])
def test_a_job_that_is_not_queued_is_left_alone(job, state):
    other = job(state=state, attempt=1, error="because")
    limits.run_job.call(other.pk)
    assert (now_of(other).state, now_of(other).attempt, now_of(other).error) == (state, 1, "because")


def test_a_beat_renews_the_lease_of_its_own_attempt_only(running):
    mine = running(expired=True)
    assert leases.beat(mine, log="a line")
    assert now_of(mine).lease_expires_at > timezone.now()
    assert now_of(mine).log == "a line"
    TrainingJob.objects.update(attempt=2)
    assert not leases.beat(mine, log="another")
    assert now_of(mine).log == "a line"


def test_an_expired_lease_is_tried_again(running):
    silent = running(expired=True)
    assert leases.reap(TrainingJob) == 1
    assert (now_of(silent).state, now_of(silent).attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_whose_last_attempt_fell_silent_is_lost(running, settings):
    silent = running(expired=True, attempt=settings.TRAIN_MAX_ATTEMPTS, worker="here:1")
    assert leases.reap(TrainingJob) == 1
    assert (now_of(silent).state, now_of(silent).error_code) == (JobState.LOST, "lost")
    assert "here:1" in now_of(silent).error


def test_a_job_that_was_being_cancelled_when_its_worker_died_is_cancelled(running):
    silent = running(expired=True, cancel_requested_at=timezone.now())
    leases.reap(TrainingJob)
    assert now_of(silent).state == JobState.CANCELLED


def test_a_lease_that_runs_is_respected(running):
    running()
    assert leases.reap(TrainingJob) == 0


def test_a_queued_job_that_lost_its_place_in_the_queue_is_queued_again(job):
    lost = job(task_id="00000000-0000-0000-0000-000000000000")
    assert leases.reap(TrainingJob) == 0
    TrainingJob.objects.update(requested_at=timezone.now() - timedelta(minutes=1))
    assert leases.reap(TrainingJob) == 1
    assert now_of(lost).state == JobState.SUCCEEDED


def test_a_queued_job_that_waits_its_turn_is_left_alone(job):
    task = DBTaskResult.objects.create(
        args_kwargs={"args": [], "kwargs": {}},
        task_path="registry.jobs.limits.run_job",
        backend_name="default",
    )
    job(task_id=str(task.pk))
    TrainingJob.objects.update(requested_at=timezone.now() - timedelta(hours=1))
    assert leases.reap(TrainingJob) == 0


def test_a_job_is_handed_back_as_if_it_had_not_been_tried(running, settings):
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    mine = running(stage="fitting", progress=0.5)
    leases.hand_back(mine)
    assert (now_of(mine).state, now_of(mine).attempt, now_of(mine).progress) == (JobState.QUEUED, 0, 0)


def test_cancelling_a_queued_job_ends_it(job, admin):
    queued = job()
    assert submission.cancel(queued, by=admin).state == JobState.CANCELLED
    limits.run_job.call(queued.pk)
    assert now_of(queued).state == JobState.CANCELLED
    assert not ModelVersion.objects.exists()


def test_cancelling_a_running_job_asks_its_worker(running, admin):
    mine = running()
    assert submission.cancel(mine, by=admin).state == JobState.RUNNING
    verdict = worker._asked_to_end(mine)
    assert (verdict.state, verdict.sentence) == (JobState.CANCELLED, "Cancelled by ada.")


def test_a_worker_notices_that_another_attempt_has_taken_over(running):
    mine = running()
    assert worker._asked_to_end(mine) is None
    TrainingJob.objects.update(attempt=2)
    assert worker._asked_to_end(mine).code == "superseded"


def test_a_job_that_has_ended_is_not_cancelled(make_job, admin):
    with pytest.raises(Conflict, match="has ended already"):
        submission.cancel(make_job(), by=admin)


def test_viewers_may_not_cancel(job, make_user):
    with pytest.raises(PermissionDenied):
        submission.cancel(job(), by=make_user("viewer"))


def test_an_ended_job_is_asked_for_again_as_a_new_one(make_job, admin):
    first = make_job(params={"max_depth": 2}, description="again", timeout_s=100)
    second = submission.retry(first, by=admin)
    assert second.pk != first.pk
    assert (second.request, second.timeout_s) == (first.request, 100)
    assert now_of(second).model_version.number == 2


def test_a_job_that_runs_or_lost_its_dataset_is_not_asked_for_again(running, admin):
    mine = running()
    with pytest.raises(Conflict, match="not ended"):
        submission.retry(mine, by=admin)
    TrainingJob.objects.update(state=JobState.FAILED, dataset_version=None)
    with pytest.raises(Conflict, match="deleted"):
        submission.retry(now_of(mine), by=admin)


def test_a_deleted_dataset_is_the_reason_that_the_job_gives(job):
    orphan = job()
    orphan.dataset_version.dataset.delete()
    limits.run_job.call(orphan.pk)
    assert "deleted before the training began" in now_of(orphan).error


@pytest.mark.parametrize(
    ("returncode", "words"), [(1, "ended with code 1"), (-11, "SIGSEGV"), (-9, "runs out of memory")]
)
def test_a_dead_process_is_told_apart_by_its_signal(returncode, words):
    assert words in worker._cause(returncode)


def test_a_job_that_has_ended_keeps_its_end(make_job):
    done = make_job()
    assert not leases.end(done, JobState.FAILED, sentence="late", code="late")
    assert now_of(done).state == JobState.SUCCEEDED


def test_a_crash_is_recorded_with_its_traceback(running):
    broken = running()
    broken.request["model"] = None
    run_attempt(broken)
    assert (now_of(broken).state, now_of(broken).error_code) == (JobState.FAILED, "crashed")
    assert "TypeError" in now_of(broken).error
    assert "Traceback" in now_of(broken).traceback


def test_an_attempt_ends_when_nobody_reads_what_it_prints(monkeypatch):
    """An error would end the fit instead, and joblib makes an AttributeError of it: the reason that was told."""

    class Torn(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("os._exit", sys.exit)
    with pytest.raises(SystemExit, match="1"):
        print("building tree 1 of 400", file=ToTheWorker(Torn()))


def test_a_training_tells_its_stages_with_their_times(make_job):
    done = make_job()
    assert [name for name, _ in done.timings] == ["loading", "checking", "fitting", "evaluating", "saving"]
    instants = [instant for _, instant in done.timings]
    assert instants == sorted(instants)


def test_progress_is_the_share_of_the_stage_within_the_whole(running):
    mine = running()
    Reporter(mine)("fitting", 0.5)
    assert now_of(mine).progress == pytest.approx(0.475)
    assert now_of(mine).stage == "fitting"


def test_the_expected_time_follows_earlier_trainings_and_their_rows(make_job):
    done = make_job()
    assert done.expected_s is None
    start = timezone.now()
    TrainingJob.objects.update(started_at=start, finished_at=start + timedelta(seconds=12))
    assert limits.expected_seconds("DecisionTreeClassifier", rows=48) == 24
    assert limits.expected_seconds("SVC", rows=48) is None


@pytest.mark.parametrize("seconds", [0, -1, 10**6])
def test_a_time_limit_outside_the_platform_s_is_refused(make_dataset, admin, seconds):
    tree = submission.TrainingRequest("tree", "DecisionTreeClassifier", timeout_s=seconds)
    with pytest.raises(ValidationError, match="timeout_s must be"):
        submission.submit(make_dataset(), request=tree, by=admin)


def test_waiting_ends_with_the_job_or_the_time(make_job, running):
    assert leases.wait(make_job(), seconds=30).is_finished
    assert not leases.wait(running(), seconds=0.2).is_finished
