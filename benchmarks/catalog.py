"""What the catalog costs with many datasets: its list, and the search with 10,000 model versions.

    .venv/bin/python benchmarks/catalog.py

Everything happens in this process on its own databases in a temporary folder. The two that are compared take turns, so
that a busy machine slows both; times are processor time, the median of 31 requests each.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY, REQUESTS = 10, 1_000, 31

LISTS = ["/catalog/", "/datasets", "/catalog/?q=iris", "/catalog/iris/"]
# Nothing, one dataset, all of them, an algorithm, a column, a version, one letter.
SEARCHES = ["nothing", "iris", "dataset", "RandomForest", "sepal length", "dataset_5 version 3", "e"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from benchmarks import pages

        few, many = Path(folder, "few.db"), Path(folder, "many.db")
        client = prepare(few, many)
        print(f"| list | {FEW} datasets, ms | {MANY:,} datasets, ms | ratio |\n|---|---|---|---|")
        for address in LISTS:
            small, large = taking_turns(client, address, few, many)
            print(f"| `{address}` | {small:.0f} | {large:.0f} | {large / small:.2f} |")
        use(Path(folder, "search.db"))
        client = pages.prepare()
        print(f"\n| search of {pages.VERSIONS:,} versions | median ms |\n|---|---|")
        for text in SEARCHES:
            times = [seconds(client, f"/search/?{urlencode({'q': text})}") for _ in range(REQUESTS)]
            print(f"| `{text}` | {statistics.median(times) * 1000:.0f} |")


def prepare(few: Path, many: Path):
    """Two databases with the iris example and copies of it, and a client who is signed in to both."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    from catalog.examples import add_example

    use(few)
    call_command("bootstrap", verbosity=0)
    user = get_user_model().objects.get(is_superuser=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    source = add_example("iris", by=user)
    add_copies(source, range(1, FEW))
    use(many)  # closes the other, which writes its log into its file
    shutil.copy(few, many)
    add_copies(source, range(FEW, MANY))
    return client


def add_copies(source, numbers: range) -> None:
    from benchmarks.pages import copy
    from catalog.models import Dataset, DatasetVersion

    datasets = Dataset.objects.bulk_create(
        Dataset(name=f"dataset_{n}", description=f"Number {n} of **many**.", created_by=source.created_by)
        for n in numbers
    )
    DatasetVersion.objects.bulk_create(copy(source, dataset=dataset) for dataset in datasets)


def use(database: Path) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = str(database)


def taking_turns(client, address: str, *databases: Path) -> list[float]:
    """The median milliseconds of an address on each database."""
    times = {database: [] for database in databases}
    for _ in range(REQUESTS):
        for database in databases:
            use(database)
            seconds(client, "/catalog/upload/")  # opens the connection
            times[database].append(seconds(client, address) * 1000)
    return [statistics.median(values) for values in times.values()]


def seconds(client, address: str) -> float:
    start = time.process_time()
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return time.process_time() - start


if __name__ == "__main__":
    main()
