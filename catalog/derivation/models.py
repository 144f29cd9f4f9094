from django.conf import settings
from django.db import models

MAX_DERIVED = 100


class Derivation(models.Model):
    """A query over datasets, and the dataset version that is its result: none until its job has succeeded.

    A version has several if several queries, or the same over other versions of its inputs, have the same result.
    """

    sql = models.TextField(help_text="The query: one SELECT statement of DuckDB.")
    digest = models.CharField(
        max_length=64, db_index=True, help_text="The SHA-256 of the query and the versions that it reads."
    )
    dataset_version = models.ForeignKey(
        "catalog.DatasetVersion", null=True, on_delete=models.CASCADE, related_name="derivations"
    )
    is_volatile = models.BooleanField(
        help_text="Whether the query can have another result over the same versions."
    )
    on_new_version = models.BooleanField(
        db_index=True, help_text="Whether it runs again when an input gets a new version."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="derivations"
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"derivation {self.pk}"

    @property
    def rows_read(self) -> int:
        """The rows of the versions that it reads, of those that still exist."""
        return self.inputs.aggregate(rows=models.Sum("version__row_count"))["rows"] or 0


class DerivationInput(models.Model):
    """A dataset version that a query reads. What it was called stays when the version is deleted."""

    derivation = models.ForeignKey(Derivation, on_delete=models.CASCADE, related_name="inputs")
    dataset_name = models.CharField(max_length=100)
    version_number = models.PositiveIntegerField()
    is_pinned = models.BooleanField(help_text="Whether the query names the version, as in `name@3`.")
    version = models.ForeignKey(
        "catalog.DatasetVersion", null=True, on_delete=models.SET_NULL, related_name="derivation_inputs"
    )

    class Meta:
        ordering = ["dataset_name", "version_number"]

    def __str__(self):
        return f"{self.dataset_name}@{self.version_number}"

    @property
    def reference(self) -> str:
        """The name of the table in the query."""
        return str(self) if self.is_pinned else self.dataset_name


class WithLineage:
    """What a dataset version was made from, and what was made from it."""

    @property
    def derivation(self) -> Derivation | None:
        """The last query that had it as its result."""
        return self.derivations.select_related("created_by").first()

    @property
    def derived_versions(self) -> models.QuerySet:
        """What queries have made from it, the newest first."""
        versions = type(self).objects.filter(derivations__inputs__version=self).order_by("-pk")
        return versions.for_lists().distinct()[:MAX_DERIVED]


class DerivingJob(models.Model):
    """What tells an import job whose file is the result of a query from one whose file was uploaded."""

    derivation = models.OneToOneField(
        Derivation, null=True, on_delete=models.SET_NULL, related_name="import_job"
    )

    # Files first: their users wait for them, and queries can run by themselves, many at once.
    QUEUE_ORDER = (models.F("derivation").asc(nulls_first=True), "pk")

    class Meta:
        abstract = True

    @property
    def WORK(self) -> str:
        package = "derivation" if self.derivation_id else "imports"
        return f"catalog.{package}.attempt.run_claimed"

    @property
    def ACTIVITY(self) -> str:
        return "The query" if self.derivation_id else "The import"

    @property
    def RETRY_HINT(self) -> str:
        if self.derivation_id:
            return "Run the query again."
        return "Register the dataset again." if self.uri else "Upload the file again."

    @property
    def MEMORY_HINT(self) -> str:
        subject = "Split the file into files with fewer columns"
        if self.derivation_id or self.uri:
            subject = "Select fewer columns" if self.derivation_id else "Register files with fewer columns"
        return f"{subject}, or ask an operator for more (IMPORT_MEMORY_MB)."
