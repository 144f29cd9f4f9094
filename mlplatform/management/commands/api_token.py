import argparse

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from mlplatform.auth import tokens
from mlplatform.validation import integers

MAX_DAYS = 36_500


def days(text: str) -> int:
    number = integers.parse(text)
    if number is None or not 1 <= number <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {MAX_DAYS}")
    return number


class Command(BaseCommand):
    help = "Create an API token for a user and print it. It is shown only once; the database stores its hash."

    def add_arguments(self, parser):
        parser.add_argument("username")
        lifetime = parser.add_mutually_exclusive_group()
        lifetime.add_argument(
            "--days", type=days, default=settings.API_TOKEN_DAYS, help="its lifetime; default: API_TOKEN_DAYS"
        )
        lifetime.add_argument(
            "--no-expiry", action="store_const", dest="days", const=None, help="valid until it is revoked"
        )

    def handle(self, *, username, days, **options):
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"No user is named {username!r}.")
        self.stdout.write(tokens.create(user, days=days).token)
