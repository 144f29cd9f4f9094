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
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections, transaction

from mlplatform import storage, system_checks

LOCK = 0x6D6C6D70  # any number that is not used for another advisory lock in this database


@contextlib.contextmanager
def exclusive_lock() -> Iterator[None]:
    """Prevents concurrent bootstraps of this database: concurrent migrations break each other."""
    if connection.vendor == "postgresql":
        # The lock of a transaction, on a connection of its own: behind PgBouncer, a session is that of a transaction.
        with contextlib.closing(connections.create_connection(DEFAULT_DB_ALIAS)) as holder:
            holder.set_autocommit(False)
            with holder.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            yield
            holder.rollback()
    else:
        lock = settings.DATA_DIR / ".bootstrap.lock"
        lock.touch(mode=0o600)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Command(BaseCommand):
    help = (
        "Migrate the database and create the buckets and the first administrator. "
        "Safe to run repeatedly and on several machines at the same time."
    )
    requires_system_checks = [system_checks.TAG]

    def handle(self, **options):
        try:
            with exclusive_lock():
                call_command("migrate", verbosity=0, interactive=False)
                for store in (storage.datasets(), storage.models()):
                    storage.prepare(store)
                self._create_first_administrator()
        except OperationalError as error:
            raise CommandError(f"The database is not responding: {error}") from error
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error

    def _create_first_administrator(self) -> None:
        """Does nothing if an administrator exists: from then on, people manage the accounts."""
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
            user, is_new = User.objects.get_or_create(
                username=username,
                defaults={"is_superuser": True, "is_staff": True, "password": make_password(password)},
            )
            if is_new:
                user.groups.add(Group.objects.get(name="administrator"))
        if not is_new:
            self.stderr.write(
                f"There is no administrator, and the account {username!r} belongs to another user. "
                "Set PLATFORM_ADMIN_USERNAME to an unused username."
            )
        elif settings.PLATFORM_ADMIN_PASSWORD:
            self.stdout.write(f"Administrator: {username}, with the password from PLATFORM_ADMIN_PASSWORD")
            self._warn_if_weak(password, user)
        else:
            self.stdout.write(f"Administrator: {username}, password: {password} (shown only once)")

    def _warn_if_weak(self, password: str, user) -> None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.stderr.write(f"PLATFORM_ADMIN_PASSWORD is weak: {' '.join(error.messages)}")
