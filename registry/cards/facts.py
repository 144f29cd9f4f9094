"""The generated facts of a model card: what is known about a version without anyone writing it."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.urls import reverse

from catalog import display
from mlplatform.number_formats import file_size, number, short_duration
from registry.evaluation import charts, findings
from registry.models import CardRevision, ModelVersion, Release
from registry.training import preparation, split_methods

MAX_COLUMNS = 10  # that are named of those that are prepared in one way


@dataclass(frozen=True)
class Fact:
    """A fact by its name in JSON and its label for people; `text` replaces a value that people read otherwise."""

    name: str
    label: str
    value: object
    text: str = ""
    url: str = ""

    @property
    def shown(self) -> str:
        return self.text or str(self.value)


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
    """One revision of a card with the facts as they are now: some, such as the releases, change."""

    version: ModelVersion
    revision: CardRevision

    @cached_property
    def sections(self) -> list[Section]:
        """Without facts that the version does not have."""
        sections = [
            Section("model", "Model", _model(self.version)),
            Section("data", "Data", _data(self.version)),
            Section("training", "Training", _training(self.version)),
            Section("artifact", "Artifact", _artifact(self.version)),
            Section("lineage", "Lineage", _lineage(self.version)),
        ]
        return [Section(one.name, one.title, _known(one.facts)) for one in sections]

    @cached_property
    def metrics(self) -> list[dict]:
        return charts.metric_rows(self.version)

    @property
    def baseline(self) -> str:
        return charts.baseline_label(self.version)

    @cached_property
    def warnings(self) -> list[str]:
        version = self.version
        found = findings.of_metrics(version.metrics, task=version.task, primary=version.primary_metric)
        return [*found, *version.warnings]

    @cached_property
    def releases(self) -> list[Release]:
        return list(self.version.releases.select_related("released_by", "dataset"))

    def facts(self) -> dict:
        """All facts as JSON values, by section and name."""
        by_section = {one.name: {fact.name: fact.value for fact in one.facts} for one in self.sections}
        metrics = [row | {"metric": row["metric"].name} for row in self.metrics]
        releases = [
            {
                "environment": release.stage,
                "kind": release.kind,
                "comment": release.comment,
                "started_at": _instant(release.started_at),
                "ended_at": release.ended_at and _instant(release.ended_at),
                "released_by": release.released_by and release.released_by.get_username(),
            }
            for release in self.releases
        ]
        return by_section | {"metrics": metrics, "warnings": self.warnings, "releases": releases}


def _known(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.value not in (None, "", [], {})]


def _instant(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _model(version: ModelVersion) -> list[Fact]:
    by = version.trained_by and version.trained_by.get_username()
    return [
        Fact("dataset", "Name", version.dataset.name, f"`{version.name}`"),
        Fact("version", "Version", version.number),
        Fact("algorithm", "Algorithm", version.algorithm, f"{version.algorithm} of `{version.module}`"),
        Fact("task", "Task", version.task),
        Fact("target", "Target", version.target, f"`{version.target}`"),
        Fact("description", "Description", version.description),
        Fact("trained_at", "Trained", _instant(version.trained_at), _minute(version.trained_at)),
        Fact("trained_by", "Trained by", by),
        Fact("live_in", "Live in", version.live_stages, ", ".join(version.live_stages)),
    ]


def _data(version: ModelVersion) -> list[Fact]:
    source = version.dataset_version
    page = f"{reverse('catalog:dataset', args=[version.dataset.name])}?version={source.number}"
    name = f"{version.dataset.name}, version {source.number}"
    return [
        Fact("dataset_version", "Dataset", source.number, name, page),
        Fact(
            "file",
            "File",
            source.uri or source.original_filename,
            f"`{source.uri or source.original_filename}`",
        ),
        Fact("recipe", "Parse recipe", display.reading(source)),
        Fact("rows", "Rows", source.row_count, number(source.row_count)),
        Fact("columns", "Columns", source.column_count, number(source.column_count)),
        Fact("sha256", "SHA-256", source.sha256, f"`{source.sha256}`"),
    ]


def _training(version: ModelVersion) -> list[Fact]:
    rows = f"{number(version.rows_train)} training, {number(version.rows_test)} test"
    if version.is_imported:
        rows = f"those of its training are not known; measured on {number(version.rows_test)}"
    split = None
    if version.rows_test and version.test_size:
        split = split_methods.description(version.split, test_size=version.test_size)
    prepared = {choice["column"]: choice["prepare"] for choice in version.preparation}
    return [
        Fact("rows_train", "Rows", version.rows_train, rows),
        Fact("test_rows", "Test rows", split),
        Fact("measured", "Measurement", version.measured),
        Fact("trained", "Training", version.trained or None, version.trained),
        Fact("random_state", "Random state", version.random_state),
        Fact("sample_weight", "Row weights", version.sample_weight, f"`{version.sample_weight}`"),
        Fact("refit", "Refit", version.refit or None, "fitted again on all rows after it was measured"),
        Fact("iterations", "Iterations", version.iterations, f"{version.iterations}, with early stopping"),
        Fact("features", "Input columns", len(version.features), number(len(version.features))),
        Fact("preprocessing", "Preparation", prepared, _preprocessing(prepared)),
        Fact("decision", "Decision", version.decision, charts.decision_sentence(version)),
    ]


def _preprocessing(prepared: dict[str, str]) -> str:
    """The columns by how they are prepared: "One-hot: `colour`; Scaled, median for gaps: `length`, `width`"."""
    columns: dict[str, list[str]] = {}
    for name, choice in prepared.items():
        columns.setdefault(preparation.LABELS.get(choice, choice), []).append(f"`{name}`")
    parts = []
    for label, names in columns.items():
        more = f" and {len(names) - MAX_COLUMNS:,} more" if len(names) > MAX_COLUMNS else ""
        parts.append(f"{label}: {', '.join(names[:MAX_COLUMNS])}{more}")
    return "; ".join(parts)


def _artifact(version: ModelVersion) -> list[Fact]:
    checked = getattr(version, "verification", None)  # of the app that serves models
    libraries = ", ".join(f"{name} {release}" for name, release in version.libraries.items())
    return [
        Fact("engine", "Inference engine", checked and checked.engine, _engine(checked)),
        *_speed(checked),
        Fact("size", "Size", version.artifact_size, file_size(version.artifact_size)),
        Fact("sha256", "SHA-256", version.artifact_sha256, f"`{version.artifact_sha256}`"),
        Fact("libraries", "Libraries", version.libraries, libraries),
        Fact("compatibility", "Compatibility", version.compatibility),
    ]


def _engine(checked) -> str:
    if checked is None:
        return ""
    return checked.get_engine_display() + (f", because {checked.reason}" if checked.reason else "")


def _speed(checked) -> list[Fact]:
    one_s, many_s, memory = (
        getattr(checked, name, None) for name in ("one_row_s", "thousand_rows_s", "memory_bytes")
    )
    return [
        Fact("one_row_s", "One row", one_s, short_duration(one_s)),
        Fact("thousand_rows_s", "1,000 rows", many_s, short_duration(many_s)),
        Fact("memory_bytes", "Memory", memory, file_size(memory)),
    ]


def _lineage(version: ModelVersion) -> list[Fact]:
    dataset, job, parent = version.dataset, version.training_job, version.retrained_from
    again = list(
        dataset.model_versions.filter(retrained_from=version.number).values_list("number", flat=True)[:20]
    )
    page = job and reverse("registry:job", args=[job.pk])
    before = parent and reverse("registry:model", args=[dataset.name, parent])
    return [
        Fact("job", "Training job", job and job.pk, f"job {job.pk}" if job else "", page or ""),
        Fact("imported_from", "Imported from", version.imported_from, f"`{version.imported_from}`"),
        Fact("retrained_from", "Retrained from", parent, f"version {parent}", before or ""),
        Fact("retrained_as", "Retrained as", again, ", ".join(f"version {one}" for one in again)),
        Fact("evaluations", "Evaluations on other data", version.evaluations.count() or None),
    ]
