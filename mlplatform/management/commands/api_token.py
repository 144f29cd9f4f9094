from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from mlplatform.auth import tokens


class Command(BaseCommand):
    help = "Create an API token for a user and print it. It is shown only once; the database stores its hash."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *, username, **options):
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"No user is named {username!r}.")
        self.stdout.write(tokens.create(user).token)
