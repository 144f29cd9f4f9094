from django.core.management.base import BaseCommand

from catalog.exploration.copies import add_copy
from catalog.models import DatasetVersion
from mlplatform.errors import NotFound, NotReady


class Command(BaseCommand):
    help = "Write the typed copies and profiles of dataset versions that were uploaded before there were any."

    def handle(self, **options):
        versions = (
            DatasetVersion.objects.select_related("dataset").filter(table_key="", uri="").order_by("pk")
        )
        failed = 0
        for version in versions:
            try:
                add_copy(version)
                self.stdout.write(f"{version}: done")
            except (NotFound, NotReady) as error:
                failed += 1
                self.stderr.write(f"{version}: {error.messages[0]}")
        self.stdout.write(f"{len(versions) - failed} of {len(versions)} versions were prepared.")
