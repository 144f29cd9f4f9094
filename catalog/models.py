from itertools import islice

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q

from catalog.derivation.models import DerivingJob, WithLineage
from catalog.names import normalize_name
from catalog.objects import models as objects
from catalog.objects.models import ByReference
from catalog.readers.formats import FORMATS, full_extension
from mlplatform.errors import NotFound, body_of
from mlplatform.jobs.models import ChildJob, JobQuerySet, JobState
from mlplatform.metadata import favourites, tags
from mlplatform.metadata.models import TaggedModel


class DatasetQuerySet(models.QuerySet):
    def named(self, name: str) -> "Dataset":
        """The dataset with this name, in any spelling that normalizes to it. Raises NotFound."""
        try:
            return self.select_related("created_by").get(name=normalize_name(name))
        except (Dataset.DoesNotExist, ValidationError) as error:
            raise NotFound(f"No dataset is named `{name[:100]}`.", code="dataset_not_found") from error

    def selected(self, names: list[str]) -> list["Dataset"]:
        """The datasets with these names, with their tags, in this order. Raises NotFound if one is missing."""
        found = {one.name: one for one in self.filter(name__in=names).prefetch_related(tags.listed("tags"))}
        for name in names:
            if name not in found:
                raise NotFound(f"No dataset is named `{name[:100]}`.", code="dataset_not_found")
        return [found[name] for name in names]


class Dataset(TaggedModel):
    """A named table; the files are in its versions."""

    name = models.CharField(
        max_length=100, unique=True, help_text="Lower-case letters, digits and underscores."
    )
    description = models.TextField(blank=True, help_text="In Markdown.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="datasets"
    )

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def version(self, number: int | None = None) -> "DatasetVersion":
        """The version with this number, or the latest. Raises NotFound."""
        versions = self.versions.select_related("dataset", "created_by").order_by("-number")
        version = (versions if number is None else versions.filter(number=number)).first()
        if version is None:
            raise NotFound(f"`{self.name}` has no version {number}.", code="dataset_version_not_found")
        return version


def searchable(columns: list[dict]) -> str:
    """The names of columns, each between two line feeds, so that a search can tell a whole name from a part."""
    return "".join(f"\n{column['name']}" for column in columns) + "\n"


class DatasetVersionQuerySet(models.QuerySet):
    def newest(self):
        """The latest version of each dataset."""
        newer = self.model.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
        return self.filter(~Exists(newer))

    def for_lists(self):
        """With related names and without the large JSON columns: a constant number of queries, in little memory."""
        return self.select_related("dataset", "created_by").defer(*self.model.WIDE_COLUMNS)

    def for_list_of(self, user):
        """As for_lists, with the tags of the datasets and `is_favourite` of this user, in one more query."""
        favourite = favourites.marked_by(user, Dataset, key="dataset_id")
        return (
            self.for_lists().prefetch_related(tags.listed("dataset__tags")).annotate(is_favourite=favourite)
        )


class DatasetVersion(WithLineage, ByReference):
    """One immutable uploaded file of a dataset, with the recipe to parse it the same way again."""

    WIDE_COLUMNS = ("recipe", "corrections", "findings", "profile", "warnings", "preview", "column_names")

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    original_filename = models.CharField(max_length=255)
    key = models.CharField(max_length=255, help_text="The key of the file in the datasets bucket.")
    sample_key = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="The key of the sample in the datasets bucket; empty for a version without one.",
    )
    table_key = models.CharField(
        max_length=255,
        blank=True,
        default="",
        help_text="The key of the typed copy in the datasets bucket; empty for a version without one.",
    )
    table_sha256 = models.CharField(max_length=64, blank=True, default="")
    table_size_bytes = models.PositiveBigIntegerField(default=0)
    recipe = models.JSONField(help_text="How the file is parsed: see catalog.readers.recipe.ParseRecipe.")
    column_names = models.TextField(
        default="",
        help_text="For the search: the names, each between two line feeds. Set when the row is added.",
    )
    recipe_digest = models.CharField(max_length=64, help_text="The SHA-256 of the recipe.")
    corrections = models.JSONField(
        default=dict,
        help_text="What its user has set of the recipe: see catalog.readers.corrections.Corrections.",
    )
    findings = models.JSONField(
        default=list, help_text="What was assumed about the file: see catalog.readers.recipe.Finding."
    )
    profile = models.JSONField(help_text="Statistics of each column.")
    warnings = models.JSONField(
        default=list, help_text="What is unusual in the values: see catalog.profiling.quality."
    )
    preview = models.JSONField(help_text="The first rows, as lists of JSON values.")
    format = models.CharField(max_length=20)
    row_count = models.PositiveBigIntegerField()
    column_count = models.PositiveIntegerField()
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    example = models.CharField(
        max_length=50,
        blank=True,
        default="",
        help_text="The example of scikit-learn that the file contains; empty for any other file.",
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="dataset_versions"
    )

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset__name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number"),
            models.UniqueConstraint(
                fields=["dataset", "sha256", "recipe_digest"], name="dataset_version_bytes_and_recipe"
            ),
        ]

    def __str__(self):
        return f"{self.dataset.name} version {self.number}"

    def save(self, **options):
        if self._state.adding:
            self.column_names = searchable(self.columns)
        super().save(**options)

    @property
    def columns(self) -> list[dict]:
        return self.recipe["columns"]

    @property
    def filename(self) -> str:
        """The name of the file for downloads: that of the dataset, with the extension of what the file is."""
        return f"{self.dataset.name}.{full_extension(self.original_filename, self.format, self.recipe['compression'])}"

    @property
    def format_label(self) -> str:
        return FORMATS[self.format].label

    @property
    def location(self) -> str:
        return self.uri or f"{settings.DATASETS_BUCKET}/{self.key}"

    @property
    def has_table(self) -> bool:
        """Whether its typed rows can be read: not of a version from before there were typed copies."""
        return bool(self.table_key or self.uri)

    @property
    def keys(self) -> list[str]:
        """The keys of its files in the datasets bucket."""
        return [key for key in (self.key, self.table_key, self.sample_key) if key]


class DraftQuerySet(objects.DraftQuerySet):
    def of_user(self, pk: int, *, user) -> "Draft":
        """A user's own upload. Raises NotFound."""
        draft = self.uploads().filter(pk=pk, created_by=user).first()
        if draft is None:
            raise NotFound(DRAFT_GONE, code="draft_not_found")
        return draft


MAX_ERROR_FIELDS = 100
DRAFT_GONE = "This upload was added, discarded, or not confirmed in a day. Upload the file again."


class Draft(ByReference):
    """An uploaded file that is not in the catalog yet. Its row is written before its file, so that no file is lost.

    Adding it to the catalog deletes the row, and the file becomes that of the dataset version.
    """

    key = models.CharField(max_length=255, help_text="The key of the file in the datasets bucket.")
    filename = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True, help_text="Empty until the file is stored.")
    corrections = models.JSONField(default=dict, help_text="What its user has set of the parse recipe.")
    receipt = models.JSONField(null=True, help_text="What was understood of the file with these corrections.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="drafts"
    )

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"draft {self.pk}: {self.filename}"

    @property
    def folder(self) -> str:
        """The folder of its file, and of all files that are made from it."""
        return self.key.rpartition("/")[0]


class ImportJobQuerySet(JobQuerySet):
    def for_lists(self):
        return self.select_related("dataset_version__dataset", "requested_by").defer(
            "log", "traceback", *(f"dataset_version__{name}" for name in DatasetVersion.WIDE_COLUMNS)
        )

    def in_progress(self):
        """The newest unfinished ones, for the list of datasets."""
        return self.unfinished().for_lists()[:10]


class ImportJob(DerivingJob, ByReference, ChildJob):
    """A request to add the file of a draft, or the result of a query, to the catalog; its state and its outcome."""

    NOUN = "import job"

    draft = models.ForeignKey(Draft, null=True, on_delete=models.SET_NULL, related_name="import_jobs")
    keeps_draft = models.BooleanField(help_text="A draft that could not be read can be corrected.")
    filename = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    name = models.CharField(max_length=100, help_text="The name of the dataset.")
    description = models.TextField(blank=True)
    new_version = models.BooleanField(help_text="Whether the dataset can exist already.")
    dataset_version = models.ForeignKey(
        DatasetVersion, null=True, on_delete=models.SET_NULL, related_name="import_jobs"
    )
    is_new = models.BooleanField(null=True, help_text="Whether no version had the same bytes.")
    error_fields = models.JSONField(
        default=dict, help_text="The sentences about each part of the recipe that a user has set."
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="import_jobs"
    )

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="import_job_state"),
        ]

    def __str__(self):
        return f"import job {self.pk}: {self.filename}"

    @property
    def memory_limit_mb(self) -> int:
        return settings.IMPORT_MEMORY_MB

    @property
    def time_limit_s(self) -> int:
        return settings.IMPORT_TIMEOUT_S

    def failure_fields(self, error: ValidationError) -> dict:
        return {"error_fields": dict(islice(body_of(error)["fields"].items(), MAX_ERROR_FIELDS))}
