"""Every example of docs/protocols.md runs unchanged and prints the output that the page shows."""

import json
import os
import re
import subprocess

import pytest

from tests.servers.platform import ROOT, Platform
from tests.servers.processes import Processes

PAGE = (ROOT / "docs" / "protocols.md").read_text()
# An example, and its output if the page shows it.
EXAMPLES = re.findall(r"```(sh|python)\n(.*?)```\n(?:```(json|csv)\n(.*?)```)?", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def run(run_script):
    """Runs an example against a new platform, which is also the single-model server that the page starts."""
    processes = Processes()
    platform = Platform(processes, INVOCATIONS_MODEL="iris", INVOCATIONS_ANONYMOUS="True")
    platform.run_workers(1)

    def shell(kind: str, code: str) -> str:
        code = code.replace("http://127.0.0.1:8000", platform.url).replace("8080", str(platform.port))
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        here = {"URL": platform.url, "TOKEN": platform.token}
        if kind == "python":
            return run_script(code, name="docs/protocols.md", env=here)
        env |= platform.env | here
        command = ["bash", "-ec", code]
        process = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    yield shell
    processes.stop_all()


def test_every_example_prints_what_the_page_shows(run, subtests):
    assert len(EXAMPLES) == 13
    for kind, code, output_format, output in EXAMPLES:
        parse = json.loads if output_format == "json" else str
        with subtests.test(example=code[:60]):
            printed = run(kind, code)
            if output:
                assert parse(printed) == parse(output)
