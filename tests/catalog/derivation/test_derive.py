"""Datasets by SQL: the job, its result and its errors, by the operation and by the API."""

import io
import os
import signal

import pytest
from django.core.exceptions import ValidationError

from catalog import files
from catalog.derivation import attempt, cleanup, preview, submission
from catalog.derivation.models import Derivation
from catalog.imports import cleanup as import_cleanup
from catalog.imports import drafts
from catalog.models import DatasetVersion, Draft, ImportJob
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.children import supervision
from tests.catalog.derivation.conftest import MASSES, PENGUINS


def derived(job) -> DatasetVersion:
    job.refresh_from_db()
    assert (job.state, job.error) == ("succeeded", "")
    return job.dataset_version


@pytest.fixture
def derive(admin):
    def run(sql=MASSES, name="masses", **fields):
        return submission.derive(name, sql=sql, **({"by": admin} | fields))

    return run


def post(api, sql=MASSES, name="masses", **fields):
    return api.post("/datasets/derive", {"name": name, "sql": sql} | fields)


def test_the_result_of_a_query_is_a_dataset_version_as_of_an_upload(derive, penguins):
    version = derived(derive(description="By species."))
    assert (version.dataset.name, version.dataset.description, version.number) == ("masses", "By species.", 1)
    assert (version.format, version.row_count, version.filename) == ("parquet", 3, "masses.parquet")
    assert [(one["name"], one["type"]) for one in version.columns] == [
        ("species", "text"), ("mass", "number"), ("n", "integer"),
    ]  # fmt: skip
    assert version.preview == [["adelie", 3800.0, 2], ["chinstrap", None, 1], ["gentoo", 5000.0, 1]]
    assert [one["name"] for one in version.profile] == ["species", "mass", "n"]
    assert len(version.keys) == 3
    assert files.read_frame(version, columns=["n"])["n"].tolist() == [2, 1, 1]
    assert not Draft.objects.exists()


def test_the_api_returns_the_dataset_with_its_query_and_what_it_read(api, penguins, islands):
    sql = 'SELECT name, mass FROM "penguins@1" JOIN islands USING (island) ORDER BY mass'
    response = post(api, sql)
    body = response.json()
    assert (response.status_code, body["name"], body["rows"]) == (201, "masses", 4)
    assert body["derivation"]["sql"] == sql
    assert [(one["reference"], one["version"], one["exists"]) for one in body["derivation"]["inputs"]] == [
        ("islands", 1, True),
        ("penguins@1", 1, True),
    ]
    assert api.get("/datasets/penguins").json()["derived"] == [{"dataset": "masses", "version": 1}]
    assert api.get("/datasets/penguins").json()["derivation"] is None


def test_the_same_query_over_the_same_versions_is_the_version_that_is_there(api, penguins, more_penguins):
    first = post(api)
    assert (post(api).status_code, post(api).json()["version"]) == (200, first.json()["version"])
    assert ImportJob.objects.count() == 1
    more_penguins()
    again = post(api, new_version=True)
    assert (again.status_code, again.json()["version"]) == (201, 2)


def test_a_query_that_has_the_same_rows_is_the_version_that_is_there(derive, penguins):
    version = derived(derive())
    job = derive(f"SELECT * FROM ({MASSES})", new_version=True)
    assert (derived(job), job.is_new) == (version, False)
    assert version.derivations.count() == 2


def test_the_same_query_over_the_same_rows_has_the_same_bytes(derive, penguins):
    sql = "SELECT island, sum(mass / 3) AS m FROM penguins, range(50) GROUP BY ALL"
    assert derived(derive(sql, "a")).sha256 == derived(derive(sql, "b")).sha256


def test_chance_in_a_query_is_a_finding_and_it_runs_each_time(derive, penguins):
    version = derived(derive("SELECT *, random() AS r FROM penguins"))
    assert version.findings[0]["code"] == "volatile_query"
    assert derived(derive("SELECT *, random() AS r FROM penguins", new_version=True)).number == 2


def test_types_that_the_catalog_lacks_become_those_it_has(derive, penguins):
    sql = """SELECT sum(island) AS a, 1.5 AS b, DATE '2026-01-31' AS c, TIME '10:00' AS d, 3::TINYINT AS e,
        'a'::ENUM ('a', 'b') AS f, NULL AS g, TIMESTAMPTZ '2026-01-31 10:00+02' AS h FROM penguins"""
    version = derived(derive(sql))
    assert [column["type"] for column in version.columns] == [
        "integer", "number", "date", "text", "integer", "text", "number", "date",
    ]  # fmt: skip
    assert version.preview[0][2].startswith("2026-01-31")
    assert version.preview[0][7].startswith("2026-01-31T08:00")


@pytest.mark.parametrize(
    ("sql", "code", "sentence"),
    [
        ("SELECT * FROM penguin", "unknown_table", "Line 1: no dataset is named `penguin`. Did you mean `penguins`?"),
        ('SELECT * FROM "penguins@7"', "unknown_table", "`penguins` has no version 7."),
        ("SELECT * FROM '/etc/passwd'", "unknown_table", "No dataset is named `/etc/passwd`."),
        ("SELECT * FROM read_csv('/etc/passwd')", "table_not_allowed", "`read_csv` cannot be used as a table."),
        ("SELECT 1 AS a", "no_inputs", "The query reads no dataset. Name one in FROM."),
        ("SELECT mas FROM penguins", "unknown_column", "Line 1: no column is named `mas`. Did you mean `mass`"),
        ("SELECT * FROM penguins WHERE species = gentoo", "unknown_column",
         "Line 1: no column is named `gentoo`. A text is written in single quotes."),
        ("DROP TABLE penguins", "not_a_select", "Only a SELECT can run here"),
        ("", "required", ""),
    ],
)  # fmt: skip
def test_a_query_that_cannot_run_is_refused_at_once(api, penguins, sql, code, sentence):
    response = post(api, sql)
    assert response.status_code == 400
    assert list(response.json()["fields"]) == ["sql"]
    assert sentence.partition(": ")[2].lower() in response.json()["fields"]["sql"][0].lower()
    assert not ImportJob.objects.exists()


def test_an_error_of_the_values_fails_the_job_with_its_field(api, penguins):
    response = post(api, "SELECT species::INTEGER AS a FROM penguins")
    assert (response.status_code, response.json()["code"]) == (400, "sql_error")
    assert response.json()["fields"]["sql"][0].startswith("Could not convert string 'adelie' to INT")
    assert not DatasetVersion.objects.filter(dataset__name="masses").exists()


def test_a_query_without_rows_fails_the_job_with_its_field(api, penguins):
    response = post(api, "SELECT * FROM penguins WHERE mass < 0")
    sentence = "The query returns no rows, and a dataset has at least one."
    assert (response.status_code, response.json()["fields"]) == (400, {"sql": [sentence]})


def test_an_error_of_a_late_row_is_one_of_the_query_too(api, penguins):
    sql = (
        "SELECT CASE i WHEN 20000 THEN species ELSE '1' END::INTEGER AS a FROM penguins, range(30000) AS r(i)"
    )
    response = post(api, sql)
    assert (response.status_code, response.json()["code"]) == (400, "sql_error")
    assert response.json()["fields"]["sql"][0].startswith("Could not convert string")


def test_a_name_that_is_taken_needs_new_version(api, penguins):
    response = post(api, name="penguins")
    assert (response.status_code, response.json()["code"]) == (409, "dataset_exists")
    assert "Add the result as a new version (new_version=true)" in response.json()["detail"]


def test_a_viewer_can_preview_a_query_but_not_run_it(make_user, penguins, derive, api):
    viewer = make_user("viewer")
    with pytest.raises(Exception, match="requires the data scientist role"):
        derive(by=viewer)
    api.force_authenticate(viewer)
    assert post(api).status_code == 403
    assert api.post("/datasets/derive/preview", {"sql": MASSES}).status_code == 200


def test_the_preview_has_columns_rows_and_inputs_and_stores_nothing(api, penguins):
    body = api.post("/datasets/derive/preview", {"sql": MASSES}).json()
    assert body["columns"][0] == {"name": "species", "type": "text", "nullable": True}
    assert body["rows"] == [["adelie", 3800.0, 2], ["chinstrap", None, 1], ["gentoo", 5000.0, 1]]
    assert (body["inputs"][0]["dataset"], body["is_volatile"]) == ("penguins", False)
    assert body["reads"] == {"rows": 4, "bytes": penguins.table_size_bytes}
    assert not ImportJob.objects.exists()


def test_the_preview_of_a_slow_query_has_its_columns_without_rows(api, penguins, monkeypatch):
    monkeypatch.setattr(preview, "ROWS_S", 0.2)
    sql = "SELECT count(*) AS n FROM penguins, range(10000000000)"
    body = api.post("/datasets/derive/preview", {"sql": sql}).json()
    assert ([one["name"] for one in body["columns"]], body["rows"]) == (["n"], None)


def test_a_preview_has_the_beginnings_of_long_texts_and_dates_beyond_those_of_python(api, penguins):
    sql = "SELECT repeat('x', 10000000) AS a, DATE '20000-01-01' AS b, 'infinity'::TIMESTAMP AS c FROM penguins LIMIT 1"
    [[text, date, _]] = api.post("/datasets/derive/preview", {"sql": sql}).json()["rows"]
    assert (text, date) == ("x" * 300, "20000-01-01")


def test_uploads_are_claimed_before_queries(derive, penguins, admin, settings):
    settings.JOB_QUEUED_HOOK = None
    queries = [derive(name="a"), derive(name="b")]
    upload = leases.enqueue(
        ImportJob(name="c", keeps_draft=False, size_bytes=1, new_version=False, requested_by=admin)
    )
    claimed = [leases.claim(ImportJob, worker="w") for _ in range(3)]
    assert claimed == [upload, *queries]


def test_a_result_above_the_limit_of_a_file_fails_the_job(derive, penguins, settings):
    settings.MAX_UPLOAD_MB = 0
    job = derive()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "too_large")


def test_a_query_that_does_not_fit_into_memory_and_disk_fails_with_a_remedy(derive, penguins, settings):
    settings.IMPORT_MEMORY_MB = 360
    job = derive("SELECT list(a ORDER BY -a)[1] AS a FROM penguins, range(3000000) AS r(a)")
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "out_of_memory")
    assert "aggregate before joining" in job.error


class TestInAQueue:
    @pytest.fixture(autouse=True)
    def _queue(self, settings):
        settings.JOB_QUEUED_HOOK = ""

    def test_a_query_that_takes_long_returns_its_job(self, api, penguins):
        response = api.post(
            "/datasets/derive", {"name": "masses", "sql": MASSES}, headers={"Prefer": "respond-async"}
        )
        job = ImportJob.objects.get()
        assert (response.status_code, response["Location"]) == (202, f"/imports/{job.pk}")
        assert api.post(f"/imports/{job.pk}/cancel").json()["state"] == "cancelled"

    def test_the_same_request_twice_at_once_is_one_job(self, derive, penguins):
        assert derive() == derive(on_new_version=True) == derive()
        assert Derivation.objects.get().on_new_version

    def test_a_job_reads_the_versions_that_were_the_newest_when_it_was_requested(
        self, derive, penguins, more_penguins
    ):
        derive("SELECT * FROM penguins")
        more_penguins()
        self.run_next()
        assert DatasetVersion.objects.get(dataset__name="masses").row_count == 4

    def test_an_input_that_is_deleted_meanwhile_fails_the_job(self, derive, penguins):
        job = derive()
        penguins.dataset.delete()
        self.run_next()
        job.refresh_from_db()
        assert (job.state, job.error_code) == ("failed", "input_deleted")

    def test_a_killed_query_leaves_nothing(self, derive, penguins):
        job = derive()
        claimed = leases.claim(ImportJob, worker="here:1")
        folder = cleanup.spill_folder(claimed)
        other = folder.with_name(f"mlmp-query-of_another_platform-{job.pk}-1")
        folder.mkdir()
        other.mkdir(exist_ok=True)
        supervision.run(Attempt(claimed), work=f"{__name__}.be_killed")
        job.refresh_from_db()
        assert (job.state, job.error_code) == ("failed", "process_died")
        assert job.error.startswith("The query process was killed by SIGKILL")
        cleanup.sweep()
        import_cleanup.Tidy()()
        assert not folder.exists()
        other.rmdir()  # which has a job of this number too
        assert not Draft.objects.exists()

    def test_the_next_attempt_uses_the_result_that_a_killed_one_has_stored(self, derive, penguins, admin):
        derive()
        draft = drafts.store_draft(io.BytesIO(PENGUINS.encode()), filename="x.csv", by=admin)
        ImportJob.objects.update(draft=draft)
        self.run_next()
        assert DatasetVersion.objects.get(dataset__name="masses").row_count == 4

    def run_next(self):
        attempt.run(leases.claim(ImportJob, worker="here:1"))


def be_killed(**claimed):
    os.kill(os.getpid(), signal.SIGKILL)


def test_derivations_without_a_result_are_deleted_after_their_job(derive, penguins):
    derive("SELECT species::INTEGER AS a FROM penguins")
    ImportJob.objects.all().delete()
    cleanup.sweep()
    assert Derivation.objects.exists()  # its job may be about to be written
    Derivation.objects.update(created_at="2026-01-01T00:00Z")
    cleanup.sweep()
    assert not Derivation.objects.exists()


def test_what_a_query_has_read_is_said_after_it_was_deleted(derive, penguins, api):
    derived(derive())
    assert api.delete("/datasets/penguins").status_code == 204
    [one] = api.get("/datasets/masses").json()["derivation"]["inputs"]
    assert (one["dataset"], one["version"], one["exists"]) == ("penguins", 1, False)
    made = Derivation.objects.get()
    with pytest.raises(ValidationError, match="no dataset is named `penguins`"):
        submission.run_again(made.dataset_version.dataset, by=made.created_by)


def test_only_a_derived_dataset_can_be_run_again(api, penguins):
    response = api.post("/datasets/penguins/derive", {})
    assert (response.status_code, response.json()["code"]) == (409, "not_derived")
