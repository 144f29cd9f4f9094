import io
import shutil
from pathlib import Path

import pandas
import pytest
from django.conf import settings as django_settings

from catalog.reference import submission

CSV = ["id,price,city\n1,2.5,Bern\n2,3,Basel\n", "id,price,city\n3,,Chur\n4,5,Bern\n"]


@pytest.fixture
def lake():
    """A new folder whose files can be registered."""
    folder = Path(django_settings.LAKE) / "sales"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def put(lake):
    """Writes a file as it is, or a table of columns as Parquet."""

    def write(name, content):
        if isinstance(content, dict):
            file = io.BytesIO()
            pandas.DataFrame(content).to_parquet(file)
            content = file.getvalue()
        path = lake / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def csv_files(put):
    return [put(f"{name}.csv", content) for name, content in zip("ab", CSV, strict=True)]


@pytest.fixture
def register(admin, lake):
    """Registers files of the lake, and returns the job, or what was there already."""

    def run(pattern="*.csv", name="sales", **fields):
        return submission.register(name, **({"uri": f"file://{lake}/{pattern}", "by": admin} | fields))

    return run


@pytest.fixture
def registered(register):
    """Registers files of the lake as a dataset version."""

    def run(pattern="*.csv", **fields):
        job = register(pattern, **fields)
        job.refresh_from_db()
        assert (job.state, job.error) == ("succeeded", "")
        return job.dataset_version

    return run


@pytest.fixture
def failed():
    """The error of a job that has failed."""

    def error_of(job) -> str:
        job.refresh_from_db()
        assert job.state == "failed"
        return job.error

    return error_of
