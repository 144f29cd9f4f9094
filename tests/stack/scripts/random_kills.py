"""Kill -9 of workers, the scorer and their children at random instants, and what is left then.

    .venv/bin/python -m tests.stack.scripts.random_kills [runs] [seed] [local]

Each run queues a training, a group, an import, a query and a scoring job on PostgreSQL and S3, or with `local` on
SQLite and local files, kills two or three random processes while they run, starts the killed commands again as a
supervisor does, and waits for the final states. It is no test of the suite: 20 runs take minutes. The exit code is 1 if
a job is stuck, a result is half there, or something is left that nothing removes.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import timedelta

import psutil

from tests.servers.migrated import ROOT, RUN_FOLDER
from tests.servers.object_store import ObjectStore
from tests.servers.platform import SHORT, TREE, Platform
from tests.servers.postgres import Postgres
from tests.servers.processes import Processes, until

RUNS, SEED = 20, 1
COMMANDS = ("worker", "worker", "scorer")
LATEST_S = 12  # of a kill, after the last job was queued
ROWS = 60_000
ENDED = {"succeeded", "failed", "lost"}
TO_SCORE = "length,width,colour\n" + "5,1.5,red\n9,1.6,blue\n" * (ROWS // 2)
TO_IMPORT = "text\n" + "".join(f"{number} {'words ' * 1500}\n" for number in range(2_000))
QUERY = "SELECT colour, sum(length * i) AS total FROM base, range(3000000) AS r(i) GROUP BY colour"
# Rows that are only half of a result.
HALVES = {
    "unfinished jobs": "SELECT count(*) FROM {table} WHERE state IN ('queued', 'running')",
    "versions without a release": "SELECT count(*) FROM registry_modelversion v WHERE NOT EXISTS "
    "(SELECT 1 FROM registry_release r WHERE r.model_version_id = v.id)",
    "versions without golden rows": "SELECT count(*) FROM registry_modelversion v WHERE NOT EXISTS "
    "(SELECT 1 FROM serving_verification g WHERE g.model_version_id = v.id)",
    "versions of a job that has not succeeded": "SELECT count(*) FROM registry_modelversion v "
    "JOIN registry_trainingjob j ON j.id = v.job_id WHERE j.state != 'succeeded'",
    "succeeded trainings without a version": "SELECT count(*) FROM registry_trainingjob j WHERE j.state = 'succeeded' "
    "AND NOT EXISTS (SELECT 1 FROM registry_modelversion v WHERE v.job_id = j.id)",
    "datasets without a version": "SELECT count(*) FROM catalog_dataset d WHERE NOT EXISTS "
    "(SELECT 1 FROM catalog_datasetversion v WHERE v.dataset_id = d.id)",
    "queries with a result and a job that failed": "SELECT count(*) FROM catalog_derivation d JOIN catalog_importjob j "
    "ON j.derivation_id = d.id WHERE d.dataset_version_id IS NOT NULL AND j.state != 'succeeded'",
}
JOB_TABLES = ("registry_trainingjob", "catalog_importjob", "serving_scoringjob")


class Kills:
    def __init__(self, processes: Processes, seed: int, *, is_local: bool):
        self.random = random.Random(seed)
        self.processes = processes
        os.environ[RUN_FOLDER] = str(processes.folder("run"))
        servers = {} if is_local else {"postgres": Postgres(processes), "store": ObjectStore(processes)}
        self.platform = Platform(processes, server="granian", **servers)
        self.platform.train_versions("base")
        self.platform.run_workers(0)
        self.commands = [self.start(name) for name in COMMANDS]
        self.killed, self.states, self.problems = Counter(), Counter(), []

    def start(self, name: str):
        command = [sys.executable, ROOT / "manage.py", name]
        started = self.processes.start(
            command, env=self.platform.env, log=self.platform.folder / f"{name}.log"
        )
        return name, started

    def run(self, number: int) -> None:
        jobs = self.queue(number)
        instants = sorted(self.random.uniform(0, LATEST_S) for _ in range(self.random.choice((2, 3))))
        start = time.monotonic()
        for instant in instants:
            time.sleep(max(0, start + instant - time.monotonic()))
            self.kill()
        for kind, address in jobs.items():
            self.check(number, kind, address)
        seconds = time.monotonic() - start
        print(
            f"run {number}: kills at {', '.join(f'{one:.2f}' for one in instants)} s, ended after {seconds:.0f} s",
            flush=True,
        )

    def queue(self, number: int) -> dict[str, str]:
        platform, later = self.platform, {"Prefer": "respond-async"}
        group = {"dataset_name": "base", "models": [SHORT, TREE]}
        calls = {
            "training": lambda: platform.train("base", SHORT, prefer="respond-async"),
            "group": lambda: platform.post("/train", group, headers=later),
            "import": lambda: platform.post(
                "/datasets/upload", files={"file": (f"imported{number}.csv", TO_IMPORT)}, headers=later
            ),
            "query": lambda: platform.post(
                "/datasets/derive", {"name": f"derived{number}", "sql": f"{QUERY} HAVING {number} > 0"}, headers=later
            ),
            "scoring": lambda: platform.post(
                "/predict/file",
                files={"file": ("rows.csv", TO_SCORE)},
                data={"dataset_name": "base", "environment": "dev"},
                headers=later,
            ),
        }  # fmt: skip
        order = self.random.sample(sorted(calls), len(calls))
        answers = {kind: calls[kind]() for kind in order}
        assert {one.status_code for one in answers.values()} == {202}, [one.text for one in answers.values()]
        return {kind: answer.headers["Location"] for kind, answer in answers.items()}

    def kill(self) -> None:
        """Kill one of the commands or of their children; the children of a command must end with it."""
        families = [
            (place, process)
            for place, (_, command) in enumerate(self.commands)
            for process in [
                psutil.Process(command.pid),
                *psutil.Process(command.pid).children(recursive=True),
            ]
        ]
        place, victim = self.random.choice(families)
        name, command = self.commands[place]
        is_command, children = victim.pid == command.pid, []
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            children = victim.children(recursive=True)
            victim.kill()
            self.killed[name if is_command else f"child of a {name}"] += 1
        if is_command:
            self.processes.stop(command, signal.SIGKILL)
            until(lambda: not any(one.is_running() for one in children), what="The end of the children")
            self.commands[place] = self.start(name)

    def check(self, number: int, kind: str, address: str) -> None:
        platform = self.platform

        def ended():
            job = platform.get(address).json()
            return job if job["state"] not in {"queued", "running"} else None

        try:
            job = until(ended, what=f"The end of {address}", pause=0.3)
        except AssertionError as stuck:
            self.problems.append(f"run {number}, {kind}: {stuck} {platform.get(address).text[:500]}")
            return
        state = job["state"]
        self.states[kind, state, (job.get("error") or {}).get("code", "")] += 1
        if state not in ENDED or (job.get("error") or {}).get("code") == "crashed":
            self.problems.append(f"run {number}, {kind}: {state} {job.get('error')} {self.platform.logs()}")
        name = {"import": f"imported{number}", "query": f"derived{number}"}.get(kind)
        if name and (platform.get(f"/datasets/{name}").status_code == 200) != (state == "succeeded"):
            self.problems.append(f"run {number}, {kind}: {state}, but {name} says otherwise")
        if name and state == "succeeded" and platform.get(f"/datasets/{name}/rows").status_code != 200:
            self.problems.append(f"run {number}, {kind}: the rows of {name} cannot be read")
        if kind == "scoring" and state == "succeeded":
            lines = platform.get(f"{address}/result").text.count("\n")
            if lines != ROWS + 1:
                self.problems.append(f"run {number}: the result has {lines} lines")

    def look_for_halves(self) -> None:
        for what, query in HALVES.items():
            for table in JOB_TABLES if "{table}" in query else ("",):
                if count := self.platform.sql(query.format(table=table))[0][0]:
                    self.problems.append(f"{count} {what} {table}")
        if len(self.platform.live_versions("base", "dev")) != 1:
            self.problems.append("not one release is live")
        for version in self.platform.get("/models?dataset=base&page_size=100").json()["results"]:
            answer = self.platform.get(f"/models/base/{version['version']}/artifact")
            if answer.status_code != 200:
                self.problems.append(f"the artifact of version {version['version']}: {answer.status_code}")

    def sweep(self) -> None:
        """What the kills have left in the store, the database and the temporary folder, before and after the sweeps."""
        os.environ |= self.platform.env
        import django

        django.setup()
        from catalog.derivation import cleanup as derivations
        from catalog.imports import cleanup as imports
        from mlplatform import storage
        from mlplatform.management.commands import storage_doctor
        from mlplatform.resilience import doctor

        doctor.MIN_AGE = imports.KEEP = timedelta(0)  # nothing is being written any more
        left = self.temporary_files()
        print(f"in the temporary folder: {len(left)} files {left[:10]}")
        imports.sweep()
        derivations.sweep()
        for name, store in (("datasets", storage.datasets()), ("models", storage.models())):
            found = storage_doctor.Command().findings(store, name)
            print(
                f"{name}: {found.files} files, {len(found.orphans)} without a row, {len(found.lost)} rows without one"
            )
            self.problems += [f"{one.owner} has no file" for one in found.lost]
            doctor.repair(store, found)
            again = storage_doctor.Command().findings(store, name)
            self.problems += [f"{one.key} is left" for one in again.orphans]
        self.problems += [f"{path} is left" for path in self.temporary_files()]

    def temporary_files(self) -> list[str]:
        folder = self.platform.folder
        paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        mine = ("data", "ml-mini-platform-metrics")  # of the web server, which still runs
        return [str(path) for path in paths if path.suffix != ".log" and not path.parts[0].startswith(mine)]


def main() -> int:
    numbers = [int(text) for text in sys.argv[1:] if text != "local"]
    runs, seed = [*numbers, *[RUNS, SEED][len(numbers) :]]
    processes = Processes()
    try:
        kills = Kills(processes, seed, is_local="local" in sys.argv)
        for number in range(1, runs + 1):
            kills.run(number)
        for _, command in kills.commands:
            processes.stop(command)
        kills.look_for_halves()
        kills.sweep()
    finally:
        processes.stop_all()
    print("killed:", dict(kills.killed))
    for (kind, state, code), count in sorted(kills.states.items()):
        print(f"{kind}: {count} {state} {code}")
    print("\n".join(kills.problems) or "no problem")
    return bool(kills.problems)


if __name__ == "__main__":
    sys.exit(main())
