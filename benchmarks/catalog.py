"""What the catalog costs with many datasets and with large ones, and whether its targets are reached.

    .venv/bin/python benchmarks/catalog.py [megabytes]

First its list, and the search with 10,000 model versions; then, by `benchmarks.reading`, a table of 1 GB and a wide
one.

The first part happens in this process on databases in a temporary folder. The two that are compared take turns, so
that a busy machine slows both; times are processor time, the median of 31 requests each.
"""

import contextlib
import http.client
import http.cookiejar
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil

ROOT = Path(__file__).resolve().parent.parent
PORT, PASSWORD = 8932, "benchmark of uploads"
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
        found = []
        for address in LISTS:
            small, large = taking_turns(client, address, few, many)
            print(f"| `{address}` | {small:.0f} | {large:.0f} | {large / small:.2f} |")
            found.append((f"`{address}`, times the one of {FEW} datasets", large / small, 1.5))
        use(Path(folder, "search.db"))
        client = pages.prepare(pages.VERSIONS, pages.DATASETS)
        print(f"\n| search of {pages.VERSIONS:,} versions | median ms |\n|---|---|")
        for text in SEARCHES:
            times = [seconds(client, f"/search/?{urlencode({'q': text})}") for _ in range(REQUESTS)]
            print(f"| `{text}` | {statistics.median(times) * 1000:.0f} |")
    print(
        "\n| table | what | seconds | CPU seconds | of pandas, CPU | peak memory, MB |\n|---|---|---|---|---|---|"
    )
    found += targets(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
    print("\n| target | measured | limit | reached |\n|---|---|---|---|")
    for target, measured, limit in found:
        print(f"| {target} | {measured:.2f} | {limit} | {'yes' if measured <= limit else 'no'} |")


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


def targets(megabytes: int) -> list[tuple[str, float, float]]:
    """What is to be reached for one table of this size and for a wide one: the target, what is measured, the limit."""
    from benchmarks import reading

    with tempfile.TemporaryDirectory() as folder:
        long, wide = Path(folder, "long.csv"), Path(folder, "wide.csv")
        reading.write_table(long, rows=megabytes * 1024**2 // reading.ROW_BYTES)
        reading.write_wide_table(wide)
        found = []
        for table in (long, wide):
            figures = reading.report(table, 1)
            size = f"{table.stat().st_size / 1024**2:,.0f} MB, {table.stem}"
            found += [
                (f"receipt, {size}, CPU seconds", figures["receipt"][1], 3),
                (f"ingestion, {size}, times the CPU of pandas", ratio(figures, 1), 2),
                (f"ingestion, {size}, times the seconds of pandas", ratio(figures, 0), 2),
            ]
        memory = upload(long, folder)
        return found + [(f"upload by {way}, MB more in a web process", memory[way], 150) for way in memory]


def ratio(figures: dict[str, list[float]], place: int) -> float:
    return figures["ingestion"][place] / figures["pandas"][place]


def upload(table: Path, folder: str) -> dict[str, float]:
    """Upload a table by the page and by the API; returns the most memory in MB that a web process took for each."""
    environment = os.environ | {
        "DATA_DIR": f"{folder}/data", "PORT": str(PORT), "MAX_UPLOAD_MB": "4096", "PLATFORM_ADMIN_PASSWORD": PASSWORD,
    }  # fmt: skip
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # of a benchmark in this process
    platform = subprocess.Popen(
        [sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        while not (line := platform.stdout.readline()).startswith("Ready"):
            assert line, "the platform did not start"
        threading.Thread(target=platform.stdout.read, daemon=True).start()
        token = subprocess.run(
            [sys.executable, "manage.py", "api_token", "admin"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        time.sleep(5)
        ways = {"page": lambda: by_page(table), "API": lambda: by_api(table, token)}
        size, taken = table.stat().st_size / 1024**2, {}
        for way, send_table in ways.items():
            with watched(platform.pid) as peak:
                done = send_table()
            taken[way] = peak[0]
            print(
                f"\nUpload of {size:.0f} MB by {way}: {done}; a web process took at most {peak[0]:.0f} MB more than "
                "when idle."
            )
        return taken
    finally:
        platform.terminate()
        platform.wait(30)


@contextlib.contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """A list that gets the most memory in MB that a web process of a platform took above what it had."""
    before, peak, found, done = web_memory(pid), {}, [], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for process, size in web_memory(pid).items():
                peak[process] = max(peak.get(process, 0), size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
        found.append(max(peak[one] - before.get(one, peak[one]) for one in peak) / 1024**2)


def by_api(table: Path, token: str) -> str:
    start = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}"}
    status = send(table, "/datasets/upload", headers).status
    received = time.perf_counter() - start
    while not exists(token):
        time.sleep(0.5)
    return f"status {status} after {received:.1f} s, in the catalog after {time.perf_counter() - start:.1f} s"


def by_page(table: Path) -> str:
    """Sign in, send the form of the page, and open the receipt."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    address = f"http://127.0.0.1:{PORT}"

    def cookie(name: str) -> str:
        return next(one.value for one in cookies if one.name == name)

    opener.open(f"{address}/accounts/login/").read()
    fields = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": cookie("csrftoken")}
    opener.open(f"{address}/accounts/login/", urllib.parse.urlencode(fields).encode()).read()
    start = time.perf_counter()
    headers = {
        "Cookie": "; ".join(f"{one.name}={one.value}" for one in cookies),
        "X-CSRFToken": cookie("csrftoken"),
    }
    response = send(table, "/catalog/upload/", headers)
    received = time.perf_counter() - start
    status = opener.open(address + response.headers["Location"]).status
    shown = time.perf_counter() - start - received
    return f"status {response.status} after {received:.1f} s, and its receipt {status} {shown:.1f} s later"


def web_memory(pid: int) -> dict[int, int]:
    """The memory of each web process of a platform, without what it shares."""
    sizes = {}
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if any("mlplatform.web" in part for part in process.cmdline()):
                memory = process.memory_info()
                sizes[process.pid] = memory.rss - memory.shared
        except psutil.Error:
            continue
    return sizes


def send(table: Path, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    boundary = b"boundary"
    head = b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="table.csv"\r\n\r\n'
    tail = b"\r\n--" + boundary + b"--\r\n"

    def blocks() -> Iterator[bytes]:
        yield head
        with open(table, "rb") as file:
            while block := file.read(1 << 20):
                yield block
        yield tail

    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request(
        "POST",
        path,
        body=blocks(),
        headers=headers
        | {
            "Content-Type": f"multipart/form-data; boundary={boundary.decode()}",
            "Content-Length": str(len(head) + table.stat().st_size + len(tail)),
        },
    )
    return connection.getresponse()


def exists(token: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("GET", "/datasets/table", headers={"Authorization": f"Bearer {token}"})
    return connection.getresponse().status == 200


if __name__ == "__main__":
    main()
