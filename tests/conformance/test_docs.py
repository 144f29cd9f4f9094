"""Every example of docs/protocols.md is run as it is pasted, and tells what the page says it tells."""

import json
import os
import re
import subprocess

import pytest

from tests.conformance.conftest import PYTHON
from tests.stack.platforms import ROOT, Platform
from tests.stack.servers import Processes

PAGE = (ROOT / "docs" / "protocols.md").read_text()
# An example, and the answer where the page shows one.
EXAMPLES = re.findall(r"```(sh|python)\n(.*?)```\n(?:```(json|csv)\n(.*?)```)?", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def run():
    """Run an example against a fresh platform, which also is the server of one model that the page starts."""
    processes = Processes()
    platform = Platform(processes, INVOCATIONS_MODEL="iris", INVOCATIONS_ANONYMOUS="True")
    platform.have_workers(1)

    def shell(kind: str, code: str) -> str:
        code = code.replace("http://127.0.0.1:8000", platform.url).replace("8080", str(platform.port))
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        env = kept | platform.env | {"URL": platform.url, "TOKEN": platform.token}
        command = ["bash", "-ec", code] if kind == "sh" else [PYTHON, "-W", "ignore", "-c", code]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield shell
    processes.stop_all()


def test_every_example_works_as_it_is_pasted(run, subtests):
    assert len(EXAMPLES) == 13
    for kind, code, form, told in EXAMPLES:
        read = json.loads if form == "json" else str
        with subtests.test(example=code[:60]):
            answer = run(kind, code)
            if told:
                assert read(answer) == read(told)
