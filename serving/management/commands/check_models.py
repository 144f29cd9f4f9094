from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from mlplatform.jobs.children.process import FORK_SERVER
from registry import artifacts
from registry.models import ModelVersion, Release
from serving.model_cache import compatibility, loader

HEADER = ("Model", "Stage", "Version", "Trained with", "Result")


class Command(BaseCommand):
    help = (
        "Verify that the live models can be served with the installed libraries, as after an upgrade of scikit-learn. "
        "The exit code is 1 if one cannot."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--all", action="store_true", help="verify every model version, also those not live"
        )

    def handle(self, **options):
        FORK_SERVER.start()  # a check takes 0.1 s then, instead of 4
        compatibility.forget_failures()
        results = [_verify(*artifact) for artifact in _artifacts(with_others=options["all"])]
        self.stdout.write(f"scikit-learn {artifacts.libraries()['scikit-learn']} is installed.\n")
        self._write_table([HEADER, *(cells for cells, _ in results)])
        refused = sum(not is_served for _, is_served in results)
        if refused:
            raise CommandError(f"{refused} of {len(results)} models cannot be served.")

    def _write_table(self, rows: list[tuple[str, ...]]) -> None:
        widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
        for *cells, last in rows:
            padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
            self.stdout.write("  ".join([*padded, last]))


def _artifacts(*, with_others: bool) -> Iterator[tuple[ModelVersion, str, str]]:
    """The version, stage and key of each live artifact and, `with_others`, of the versions that are not live."""
    live = Release.objects.live().with_versions().order_by("dataset__name", "stage")
    for release in live.iterator():
        yield release.model_version, release.stage, release.key
    if with_others:
        others = ModelVersion.objects.with_releases().exclude(releases__in=Release.objects.live())
        for version in others.iterator(chunk_size=100):
            yield version, "-", version.release.key


def _verify(version: ModelVersion, stage: str, key: str) -> tuple[tuple[str, ...], bool]:
    """The cells of a row, and whether a web server would serve the artifact under the key."""
    result = "ok"
    if version.signature["can_predict"]:
        try:
            loader.load(version, key)
        except ValidationError as error:
            result = error.messages[0]
    else:
        result = "ok, but it cannot predict new rows"
    trained_with = version.libraries.get("scikit-learn", "-")
    return (version.dataset.name, stage, str(version.number), trained_with, result), result.startswith("ok")
