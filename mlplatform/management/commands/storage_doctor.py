from itertools import chain

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from mlplatform import storage, system_checks
from mlplatform.resilience import doctor

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Probe the object store, and compare its files with the database: files that no row refers to, and rows whose "
        "file is lost. Changes nothing without --repair."
    )
    requires_system_checks = [system_checks.TAG]

    def add_arguments(self, parser):
        parser.add_argument(
            "--repair", action="store_true", help="Delete files without rows, and repair rows without files."
        )

    def handle(self, *, repair, **options):
        faults = 0
        for name, store in (("datasets", storage.datasets()), ("models", storage.models())):
            self.stdout.write(f"{name} ({getattr(store, 'bucket_name', '') or store.location})")
            try:
                faults += self._probe(store) or self._examine(store, name, repair=repair)
            except ValidationError as error:
                raise CommandError(error.messages[0]) from error
        if faults:
            raise CommandError(f"{faults} problems remain.", returncode=1)

    def _probe(self, store) -> int:
        faults = list(doctor.probe(store))
        for fault in faults:
            self.stdout.write(f"  probe failed: {fault.step}: {fault.cause}\n    {fault.remedy}")
        if not faults:
            self.stdout.write("  probe: it writes, reads and deletes as it should")
        return len(faults)

    def _examine(self, store, name: str, *, repair: bool) -> int:
        findings = self.findings(store, name)
        size = sum(orphan.size for orphan in findings.orphans)
        self.stdout.write(f"  {findings.files:,} files")
        self._list(
            f"files without a row ({size / 1024**2:,.1f} MB)", [orphan.key for orphan in findings.orphans]
        )
        self._list("rows without their file", [f"{lost.owner}: {lost.key}" for lost in findings.lost])
        if not repair or not (findings.orphans or findings.lost):
            return len(findings.orphans) + len(findings.lost)
        if findings.is_another_store:
            raise CommandError(
                "None of the files that the database refers to is here. Nothing was repaired: check DATA_DIR, "
                "DATASETS_BUCKET and TRAINED_MODELS_BUCKET, or restore a backup."
            )
        left = doctor.repair(store, findings)
        done = len(findings.orphans) + len(findings.lost) - len(left)
        self.stdout.write(f"  repaired: {done:,}")
        self._list("only a backup can restore", [f"{lost.owner}: {lost.key}" for lost in left])
        return len(left)

    def findings(self, store, name: str) -> doctor.Findings:
        references = chain.from_iterable(import_string(path)() for path in settings.STORED_FILES[name])
        folders = chain.from_iterable(import_string(path)() for path in settings.STORED_FOLDERS[name])
        return doctor.examine(store, references, folders=folders)

    def _list(self, what: str, items: list[str]) -> None:
        if not items:
            return
        self.stdout.write(f"  {len(items):,} {what}")
        for item in items[:SHOWN]:
            self.stdout.write(f"    {item}")
        if len(items) > SHOWN:
            self.stdout.write(f"    and {len(items) - SHOWN:,} more")
