"""Training workers that die and that are asked to stop: no job is lost, none is done twice."""

import signal

from tests.stack.platforms import SLOW
from tests.stack.servers import until


def begin(platform, dataset: str) -> int:
    """A slow training that one worker is fitting right now; its job."""
    assert platform.upload(dataset).status_code == 201
    platform.have_workers(0)
    platform.have_workers(1)
    job = platform.train(dataset, SLOW, prefer="respond-async").json()["job"]
    platform.reaches(job, "fitting")
    return job


def let_the_lease_run_out(platform, job: int, *, attempt: int) -> None:
    platform.sql(
        f"UPDATE registry_trainingjob SET attempt = {attempt}, lease_expires_at = '2026-01-01 00:00:00+00:00' "
        f"WHERE id = {job}"
    )


def are_gone(processes) -> bool:
    return not any(process.is_running() for process in processes)


def test_a_job_whose_worker_was_killed_is_done_by_another_once(platform):
    job = begin(platform, "killed")
    children = platform.trainings()
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    until(lambda: are_gone(children), what="The end of the training process", within=5)
    assert platform.get(f"/jobs/{job}").json()["state"] == "running"
    if not platform.store:  # the wait of half a minute is for one set-up only
        let_the_lease_run_out(platform, job, attempt=1)
    platform.have_workers(1)
    ended = platform.ended(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    assert platform.numbers("killed") == [1]
    assert platform.predict("killed", "dev").status_code == 200


def test_a_job_that_has_killed_two_workers_ends_as_lost(platform):
    job = begin(platform, "lost")
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    let_the_lease_run_out(platform, job, attempt=2)
    platform.have_workers(1)
    ended = platform.ended(job)
    assert (ended["state"], ended["error"]["code"]) == ("lost", "lost")
    assert "Train again." in ended["error"]["detail"]
    assert platform.numbers("lost") == []


def test_a_worker_that_is_asked_to_stop_hands_its_job_back_uncounted(platform):
    job = begin(platform, "handed_back")
    children = platform.trainings()
    assert platform.processes.stop(platform.workers[0], signal.SIGTERM, within=10) == 0
    assert are_gone(children)
    waiting = platform.get(f"/jobs/{job}").json()
    assert (waiting["state"], waiting["attempt"]) == ("queued", 0)
    platform.have_workers(1)
    ended = platform.ended(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert platform.numbers("handed_back") == [1]


def test_a_training_process_that_is_killed_fails_its_job_with_the_signal(platform):
    job = begin(platform, "shot")
    for child in platform.trainings():
        child.kill()
    ended = platform.ended(job)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "process_died")
    assert "SIGKILL" in ended["error"]["detail"]
    assert platform.numbers("shot") == []
    assert platform.train("shot").json()["version"] == 1


def test_a_training_process_ends_cleanly(platform):
    platform.made("clean")
    assert "Fatal Python error" not in (platform.folder / "worker.log").read_text()
