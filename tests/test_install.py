""".ci/install: uv with the indexes that are configured for pip, and pip if uv fails. Both are stubs here."""

import os
import subprocess

import pytest
from django.conf import settings

SCRIPT = settings.BASE_DIR / ".ci" / "install"
CONFIGURATION = r"""
:env:.find-links='/wheels'
global.index-url='https://index.example/simple'
global.extra-index-url='\nhttps://a.example/simple\nhttps://b.example/simple'
"""
PYTHON = """#!/bin/sh
case "$*" in
  *"config list"*) cat configuration ;;
  *) echo "python $*" >> calls ;;
esac
"""
UV = """#!/bin/sh
echo "uv $* | $UV_DEFAULT_INDEX | $UV_INDEX | $UV_FIND_LINKS" >> calls
exit $UV_EXIT
"""


@pytest.fixture
def install(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "configuration").write_text(CONFIGURATION)
    for name, content in (("python", PYTHON), ("uv", UV)):
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(content)
        program.chmod(0o755)

    def run(*, uv_exit: int = 0) -> list[str]:
        env = {"PATH": os.environ["PATH"], "UV_EXIT": str(uv_exit)}
        subprocess.run([SCRIPT, ".venv", "lock.txt", "--no-deps"], cwd=tmp_path, env=env, check=True)
        return (tmp_path / "calls").read_text().splitlines()

    return run


def test_uv_installs_from_the_indexes_of_pip(install):
    uv, _compile = install()
    command, *indexes = uv.split(" | ")
    assert command == "uv pip install --quiet --python .venv/bin/python --requirement lock.txt --no-deps"
    assert indexes == [
        "https://index.example/simple",
        "https://a.example/simple https://b.example/simple",
        "/wheels",
    ]


def test_pip_installs_if_uv_fails(install):
    _uv, pip, compile_all = install(uv_exit=1)
    assert pip.endswith("install --no-compile --ignore-requires-python --requirement lock.txt --no-deps")
    assert compile_all.startswith("python -m compileall")
