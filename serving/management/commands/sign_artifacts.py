from django.core.management.base import BaseCommand, CommandError

from mlplatform import system_checks
from registry.models import ModelVersion
from serving.engine import registration


class Command(BaseCommand):
    help = (
        "Sign the artifacts and golden rows of all model versions with SECRET_KEY, so that an older key can be removed "
        "from SECRET_KEY_FALLBACKS. The exit code is 1 if one was signed with none of these keys, and stays as it is."
    )
    requires_system_checks = [system_checks.TAG]

    def handle(self, **options):
        versions = ModelVersion.objects.select_related("dataset").order_by("dataset__name", "number")
        refused = [str(version) for version in versions.iterator() if not registration.sign_again(version)]
        self.stdout.write(f"{versions.count() - len(refused):,} model versions are signed with SECRET_KEY.")
        if refused:
            raise CommandError(
                f"Signed with none of the keys, or changed since: {', '.join(refused)}. Train them again."
            )
