import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command

from mlplatform import storage
from mlplatform.auth import permissions

pytestmark = pytest.mark.django_db
User = get_user_model()


def bootstrap() -> tuple[str, str]:
    output, errors = io.StringIO(), io.StringIO()
    call_command("bootstrap", stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def test_the_first_run_creates_an_administrator_and_prints_the_password():
    output, _ = bootstrap()
    password = re.fullmatch(r"Administrator: admin, password: (\S{16}) \(shown only once\)\n", output)[1]
    user = User.objects.get()
    assert user.check_password(password)
    assert user.is_superuser
    assert [group.name for group in user.groups.all()] == ["administrator"]
    assert permissions.can(user, "administer")


def test_a_second_run_changes_and_prints_nothing(settings):
    bootstrap()
    before = User.objects.values().get()
    settings.PLATFORM_ADMIN_PASSWORD = settings.PLATFORM_ADMIN_USERNAME = "something-else"
    assert bootstrap() == ("", "")
    assert User.objects.values().get() == before


def test_a_password_from_the_environment_is_used_and_not_printed(settings, rf):
    settings.PLATFORM_ADMIN_USERNAME, settings.PLATFORM_ADMIN_PASSWORD = "ada", "analytical engine"
    output, errors = bootstrap()
    assert output == "Administrator: ada, with the password from PLATFORM_ADMIN_PASSWORD\n"
    assert errors == ""
    assert authenticate(rf.post("/"), username="ada", password="analytical engine")


def test_stored_files_are_private_also_those_of_an_earlier_version(settings, tmp_path):
    folder = Path(storage.datasets().location)
    storage.save(storage.datasets(), "iris/1/new.csv", io.BytesIO(b"a"))
    old = folder / "iris" / "2" / "old.csv"
    old.parent.mkdir()
    old.write_text("a")
    for path in (folder, old.parent, old):
        path.chmod(0o755)
    bootstrap()
    paths = [folder, *(path for path in (folder / "iris").rglob("*"))]
    assert {path for path in paths if path.stat().st_mode & 0o077} == set()
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}


def test_a_weak_password_is_used_with_a_warning(settings):
    settings.PLATFORM_ADMIN_PASSWORD = "secret"
    _, errors = bootstrap()
    assert errors.startswith("PLATFORM_ADMIN_PASSWORD is weak: ")
    assert User.objects.get().check_password("secret")


def test_an_existing_account_does_not_become_an_administrator():
    User.objects.create_user(username="admin", password="correct horse")
    output, errors = bootstrap()
    assert output == ""
    assert "Set PLATFORM_ADMIN_USERNAME to an unused username." in errors
    assert not User.objects.get().is_superuser


def test_an_invalid_username_is_rejected(settings):
    settings.PLATFORM_ADMIN_USERNAME = "ada lovelace"
    with pytest.raises(
        CommandError, match=r"^PLATFORM_ADMIN_USERNAME='ada lovelace': Enter a valid username"
    ):
        bootstrap()


def test_bootstrap_creates_the_folders_of_local_storage(settings, tmp_path):
    stores = {name: {**settings.STORAGES[name]} for name in settings.STORAGES}
    for name in ("datasets", "models"):
        stores[name]["OPTIONS"] = {"location": tmp_path / name}
    settings.STORAGES = stores
    bootstrap()
    storage.check(storage.datasets())
    storage.check(storage.models())


def test_two_concurrent_first_runs_create_one_administrator(tmp_path, settings):
    command = [sys.executable, "manage.py", "bootstrap"]
    options = {"cwd": settings.BASE_DIR, "env": {"DATA_DIR": str(tmp_path)}, "text": True}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=180) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(len(out.splitlines()) for out, _ in outputs) == [0, 1]
    assert [error for _, error in outputs] == ["", ""]
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []
