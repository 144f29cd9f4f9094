"""How long pages and API answers take with 1,000 datasets and 10,000 model versions.

    .venv/bin/python benchmarks/pages.py

Everything happens in this process on its own database in a temporary folder; the median of 15 requests each.
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
    "/registry/train/", "/registry/jobs/", "/registry/models/", "/registry/models/?environment=production&page=20",
    "/registry/models/iris/1/", "/serving/", "/serving/iris/dev/", "/accounts/tokens/",
    "/datasets", "/datasets?page=10", "/datasets/iris", "/models", "/models?environment=dev&page=100",
    "/models/iris/1", "/jobs", "/readyz",
]  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        client = prepare()
        print("| address | median ms | slowest ms |\n|---|---|---|")
        for address in ADDRESSES:
            times = [seconds(client, address) for _ in range(REQUESTS)]
            print(f"| `{address}` | {statistics.median(times) * 1000:.0f} | {max(times) * 1000:.0f} |")
        times = [predict(client) for _ in range(REQUESTS)]
        print(
            f"| `POST /predict`, 1 row | {statistics.median(times) * 1000:.0f} | {max(times) * 1000:.0f} | |"
        )


def seconds(client, address: str) -> float:
    start = time.perf_counter()
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return time.perf_counter() - start


def predict(client) -> float:
    body = {"dataset_name": "iris", "environment": "dev", "input_data": {"features": [[5.1, 3.5, 1.4, 0.2]]}}
    start = time.perf_counter()
    response = client.post("/predict", body, content_type="application/json")
    assert response.status_code == 200, response.content
    return time.perf_counter() - start


def prepare():
    """A signed-in client, the iris example with one model, and the crowd around it."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from catalog.examples import add_example
    from registry.jobs.submission import submit
    from registry.models import ModelVersion
    from registry.training.request import TrainingRequest

    call_command("bootstrap", verbosity=0)
    user = get_user_model().objects.get(is_superuser=True)
    source = add_example("iris", by=user)
    forest = TrainingRequest(module="ensemble", class_name="RandomForestClassifier")
    submit(source, request=forest, by=user)
    crowd(ModelVersion.objects.get(), source, user)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def crowd(model, source, user) -> None:
    """Copies of one dataset and one model version under other names and numbers."""
    from catalog.models import Dataset, DatasetVersion
    from registry.models import ModelVersion, Release, TrainingJob

    datasets = Dataset.objects.bulk_create(
        Dataset(name=f"dataset_{n}", description="one of many", created_by=user) for n in range(DATASETS - 1)
    )
    versions = DatasetVersion.objects.bulk_create(copy(source, dataset=dataset) for dataset in datasets)
    jobs = TrainingJob.objects.bulk_create(
        copy(
            model.job,
            dataset_version=versions[n % len(versions)],
            dataset_name=datasets[n % len(datasets)].name,
        )
        for n in range(VERSIONS - 1)
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
    release = model.releases.get()
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
