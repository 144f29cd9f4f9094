import contextlib
import fcntl
import secrets
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, transaction

from mlplatform import storage, system_checks

LOCK = 0x6D6C6D70  # any number that nobody else uses for an advisory lock in this database


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold back every other bootstrap of this database: migrations that run twice at once break each other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    else:
        with open(settings.DATA_DIR / ".bootstrap.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Command(BaseCommand):
    help = (
        "Migrate the database, create the buckets and the first administrator. "
        "Safe to repeat, and to run on several machines at once."
    )
    requires_system_checks = [system_checks.TAG]

    def handle(self, **options):
        try:
            with alone():
                call_command("migrate", verbosity=0, interactive=False)
                for store in (storage.datasets(), storage.models()):
                    storage.prepare(store)
                self._make_first_administrator()
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error

    def _make_first_administrator(self) -> None:
        """Once there is an administrator, accounts are people's business: nothing is made or changed."""
        User = get_user_model()
        if User.objects.filter(is_superuser=True).exists():
            return
        username = settings.PLATFORM_ADMIN_USERNAME
        password = settings.PLATFORM_ADMIN_PASSWORD or secrets.token_urlsafe(12)
        try:
            User(username=username).clean_fields(exclude=["password"])
        except ValidationError as error:
            raise CommandError(f"PLATFORM_ADMIN_USERNAME={username!r}: {error.messages[0]}") from error
        with transaction.atomic():
            user, made = User.objects.get_or_create(
                username=username,
                defaults={"is_superuser": True, "is_staff": True, "password": make_password(password)},
            )
            if made:
                user.groups.add(Group.objects.get(name="administrator"))
        if not made:
            self.stderr.write(
                f"There is no administrator, and the account {username!r} is somebody's. "
                "Set PLATFORM_ADMIN_USERNAME to a name that is free."
            )
        elif settings.PLATFORM_ADMIN_PASSWORD:
            self.stdout.write(f"Administrator: {username}, with the password of PLATFORM_ADMIN_PASSWORD")
            self._warn_of_weak(password, user)
        else:
            self.stdout.write(f"Administrator: {username}, password: {password} (shown only this once)")

    def _warn_of_weak(self, password: str, user) -> None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.stderr.write(f"PLATFORM_ADMIN_PASSWORD is weak: {' '.join(error.messages)}")
