"""How long pages and API answers take with 10,000 model versions of 1,000 datasets, or with any other numbers.

    .venv/bin/python benchmarks/pages.py
    .venv/bin/python benchmarks/pages.py 50 2        # versions and datasets: nearly all versions are of one dataset
    .venv/bin/python benchmarks/pages.py 10000 2

Everything happens in this process on its own database in a temporary folder: the median and the longest of 15 requests,
the least CPU time, which other processes do not change, the size and the queries.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATASETS, VERSIONS, REQUESTS = 1_000, 10_000, 15

ADDRESSES = [
    "/", "/catalog/", "/catalog/?q=dataset_5&ordering=-rows", "/catalog/iris/", "/catalog/upload/",
    "/registry/train/", "/registry/jobs/", "/registry/models/", "/registry/models/?environment=production&page=3",
    "/registry/models/iris/1/", "/serving/", "/serving/iris/dev/", "/accounts/tokens/",
    "/datasets", "/datasets?page=10", "/datasets/iris", "/models", "/models?environment=dev&page=5",
    "/models/iris/1", "/jobs", "/readyz",
    "/catalog/dataset_0/", "/registry/models/?dataset=dataset_0", "/registry/models/?dataset=dataset_0&target=target",
    "/registry/models/?ordering=-accuracy", "/registry/models/?ordering=interval_accuracy",
    "/registry/models/?ordering=training_s", "/registry/models/?ordering=-artifact_size",
    "/registry/models/?trained_by=admin", "/registry/models/?favourite=true", "/registry/models/?tag=champion",
    "/models?ordering=-accuracy", "/registry/models/compare/?model=iris/1&model=dataset_0/1",
    "/registry/releases/", "/registry/releases/?dataset=dataset_0", "/search/?q=dataset_0",
]  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        versions, datasets = (int(text) for text in sys.argv[1:3] or (VERSIONS, DATASETS))
        client = prepare(versions, datasets)
        print("| address | median ms | slowest ms | CPU ms | KB | queries |\n|---|---|---|---|---|---|")
        for address in ADDRESSES:
            if datasets < DATASETS and "page=" in address:  # there are not so many live versions
                continue
            print(measured(client, address))
        times = [predict(client) for _ in range(REQUESTS)]
        print(
            f"| `POST /predict`, 1 row | {statistics.median(times) * 1000:.0f} | {max(times) * 1000:.0f} | | | |"
        )


def measured(client, address: str) -> str:
    """A row of the table."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times, cpu = [], []
    for _ in range(REQUESTS):
        start, cpu_start = time.perf_counter(), time.process_time()
        response = client.get(address)
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
        assert response.status_code == 200, (address, response.status_code)
    with CaptureQueriesContext(connection) as queries:
        size = len(client.get(address).content)
    figures = [statistics.median(times) * 1000, max(times) * 1000, min(cpu) * 1000, size / 1000, len(queries)]
    return f"| `{address}` | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |"


def predict(client) -> float:
    body = {"dataset_name": "iris", "environment": "dev", "input_data": {"features": [[5.1, 3.5, 1.4, 0.2]]}}
    start = time.perf_counter()
    response = client.post("/predict", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return time.perf_counter() - start


def prepare(count: int, dataset_count: int):
    """A signed-in client, the iris example with one model, and the crowd around it."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from catalog.examples import add_example
    from mlplatform.lists import planner_statistics
    from registry.jobs.submission import submit
    from registry.models import ModelVersion
    from registry.training.request import TrainingRequest

    call_command("bootstrap", verbosity=0)
    user = get_user_model().objects.get(is_superuser=True)
    source = add_example("iris", by=user)
    forest = TrainingRequest(module="ensemble", class_name="RandomForestClassifier")
    submit(source, request=forest, by=user)
    crowd(ModelVersion.objects.get(), source, user, count=count, dataset_count=dataset_count)
    planner_statistics.refresh()  # as a worker does every hour
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def crowd(model, source, user, *, count: int, dataset_count: int, release=None) -> None:
    """Copies of one dataset and one model version under other names and numbers."""
    from catalog.models import Dataset, DatasetVersion
    from registry.models import MetricValue, ModelVersion, Release, TrainingJob

    datasets = Dataset.objects.bulk_create(
        Dataset(name=f"dataset_{n}", description="one of many", created_by=user)
        for n in range(dataset_count - 1)
    )
    versions = DatasetVersion.objects.bulk_create(copy(source, dataset=dataset) for dataset in datasets)
    jobs = TrainingJob.objects.bulk_create(
        copy(
            model.job,
            dataset_version=versions[n % len(versions)],
            dataset_name=datasets[n % len(datasets)].name,
        )
        for n in range(count - 1)
    )
    models = ModelVersion.objects.bulk_create(
        copy(
            model,
            job=job,
            dataset=datasets[n % len(datasets)],
            dataset_version=versions[n % len(versions)],
            number=n // len(datasets) + 1,
            reached=["dev", "dev", "staging", "production"][n % 4],
        )
        for n, job in enumerate(jobs)
    )
    values = list(model.metric_values.all())
    MetricValue.objects.bulk_create(
        copy(value, model_version=version) for version in models for value in values
    )
    release = release or model.releases.get()
    last = len(models) - len(datasets)
    Release.objects.bulk_create(
        copy(
            release,
            model_version=version,
            dataset=version.dataset,
            number=version.number,
            stage=version.reached,
            ended_at=None if n >= last else release.started_at,
        )
        for n, version in enumerate(models)
    )


def copy(row, **changes):
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    for name, value in changes.items():
        values.pop(f"{name}_id", None)
        values[name] = value
    return type(row)(**(values | {"id": None}))


if __name__ == "__main__":
    main()
