import io
import re
import subprocess
import sys

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command

from mlplatform import storage
from mlplatform.auth import permissions

pytestmark = pytest.mark.django_db
User = get_user_model()


def bootstrap() -> tuple[str, str]:
    said, complained = io.StringIO(), io.StringIO()
    call_command("bootstrap", stdout=said, stderr=complained)
    return said.getvalue(), complained.getvalue()


def test_makes_an_administrator_with_a_password_that_is_printed_once():
    said, _ = bootstrap()
    password = re.fullmatch(r"Administrator: admin, password: (\S{16}) \(shown only this once\)\n", said)[1]
    user = User.objects.get()
    assert user.check_password(password)
    assert user.is_superuser
    assert [group.name for group in user.groups.all()] == ["administrator"]
    assert permissions.can(user, "administer")


def test_a_second_time_it_says_and_changes_nothing(settings):
    bootstrap()
    before = User.objects.values().get()
    settings.PLATFORM_ADMIN_PASSWORD = settings.PLATFORM_ADMIN_USERNAME = "something-else"
    assert bootstrap() == ("", "")
    assert User.objects.values().get() == before


def test_a_given_password_is_used_and_not_printed(settings, rf):
    settings.PLATFORM_ADMIN_USERNAME, settings.PLATFORM_ADMIN_PASSWORD = "ada", "analytical engine"
    said, complained = bootstrap()
    assert said == "Administrator: ada, with the password of PLATFORM_ADMIN_PASSWORD\n"
    assert complained == ""
    assert authenticate(rf.post("/"), username="ada", password="analytical engine")


def test_a_weak_password_is_used_with_a_warning(settings):
    settings.PLATFORM_ADMIN_PASSWORD = "secret"
    _, complained = bootstrap()
    assert complained.startswith("PLATFORM_ADMIN_PASSWORD is weak: ")
    assert User.objects.get().check_password("secret")


def test_an_account_that_exists_is_not_made_an_administrator():
    User.objects.create_user(username="admin", password="correct horse")
    said, complained = bootstrap()
    assert said == ""
    assert "Set PLATFORM_ADMIN_USERNAME to a name that is free." in complained
    assert not User.objects.get().is_superuser


def test_a_name_that_cannot_be_one_is_refused(settings):
    settings.PLATFORM_ADMIN_USERNAME = "ada lovelace"
    with pytest.raises(
        CommandError, match=r"^PLATFORM_ADMIN_USERNAME='ada lovelace': Enter a valid username"
    ):
        bootstrap()


def test_makes_the_folders_of_local_storage(settings, tmp_path):
    stores = {name: {**settings.STORAGES[name]} for name in settings.STORAGES}
    for name in ("datasets", "models"):
        stores[name]["OPTIONS"] = {"location": tmp_path / name}
    settings.STORAGES = stores
    bootstrap()
    storage.check(storage.datasets())
    storage.check(storage.models())


def test_two_first_starts_at_once_make_one_administrator(tmp_path, settings):
    command = [sys.executable, "manage.py", "bootstrap"]
    options = {"cwd": settings.BASE_DIR, "env": {"DATA_DIR": str(tmp_path)}, "text": True}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(len(out.splitlines()) for out, _ in said) == [0, 1]
    assert [error for _, error in said] == ["", ""]
