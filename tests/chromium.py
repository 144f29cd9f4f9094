"""Finds Chromium for the browser tests, or installs it (`python tests/chromium.py`, as `make test` does)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of the system's Chromium, or else of the one that Playwright has installed."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    if os.getuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], check=False, **quiet
        )
    if not find():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


if __name__ == "__main__":
    if not find():
        print("Installing Chromium for the browser tests ...", flush=True)
        install()
        if not find():
            sys.exit(
                "The browser tests need Chromium, and it could not be installed. "
                "Install it with your system's package manager, or skip these tests: "
                "make test PYTEST_ARGS='-m \"not browser\"'"
            )
