from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from catalog.models import Dataset
from registry.jobs import evaluation
from registry.models import ModelVersion


class Command(BaseCommand):
    help = (
        "Compute the diagnostics of the model versions that have none, one after the other, in this process."
    )

    def add_arguments(self, parser):
        parser.add_argument("dataset", nargs="?", help="only the versions of this dataset")
        parser.add_argument(
            "number", nargs="?", type=int, help="only this version, also if it has diagnostics"
        )
        parser.add_argument("--all", action="store_true", help="also those that have diagnostics")

    def handle(self, *, dataset, number, **options):
        failed, versions = 0, self._versions(dataset, number, has_any=options["all"] or number is not None)
        for version in versions:
            try:
                rows, _, _ = evaluation.diagnose(version)
                self.stdout.write(f"{version}: {rows:,} rows")
            except ValidationError as error:
                failed += 1
                self.stderr.write(f"{version}: {error.messages[0]}")
        self.stdout.write(f"{len(versions) - failed} of {len(versions)} versions have new diagnostics.")

    def _versions(self, dataset: str | None, number: int | None, *, has_any: bool):
        versions = ModelVersion.objects.with_releases().order_by("pk")
        try:
            if number is not None:
                return [ModelVersion.objects.numbered(dataset, number)]
            if dataset is not None:
                versions = versions.filter(dataset=Dataset.objects.named(dataset))
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        return list(versions if has_any else versions.filter(diagnostics=None))
