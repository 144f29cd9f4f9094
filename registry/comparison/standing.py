"""Where versions stand against what is live: their primary metric beside that of the live version."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.comparison.differences import BETTER, UNCLEAR, WORSE, are_apart, have_same_target
from registry.evaluation import definitions
from registry.evaluation.definitions import Metric
from registry.models import MetricValue, ModelVersion, Release, Stage
from registry.querysets import headline_name


@dataclass(frozen=True)
class Standing:
    """A version, and the live one of its dataset if that has the same target."""

    version: ModelVersion
    metric: Metric
    own: MetricValue | None
    live: Release | None
    of_live: MetricValue | None

    @property
    def difference(self) -> float | None:
        """The metric of the version minus that of the live one."""
        return self.own.value - self.of_live.value if self.own and self.of_live else None

    @property
    def is_better(self) -> bool:
        return self.difference is not None and self.metric.is_better(self.own.value, self.of_live.value)

    @property
    def verdict(self) -> str:
        """Better or worse only if the 95 % intervals do not overlap; empty if the values cannot be compared."""
        if self.difference is None:
            return ""
        sides = [[one.low, one.high] if one.low is not None else None for one in (self.own, self.of_live)]
        if not are_apart(*sides):
            return UNCLEAR
        return BETTER if self.is_better else WORSE


def against_live(
    versions: Iterable[ModelVersion], *, stages: Iterable[Stage] = (Stage.PRODUCTION, Stage.STAGING)
) -> list[Standing]:
    """Each version beside what is live in the first of these stages, in two queries for any number of versions.

    A version is not compared with itself.
    """
    versions, stages = list(versions), list(stages)
    datasets = {version.dataset_id for version in versions}
    live = Release.objects.for_list().live().filter(dataset__in=datasets, stage__in=stages)
    live = sorted(live, key=lambda release: stages.index(release.stage))
    names = {headline_name(version) for version in versions}
    keys = {version.pk for version in versions} | {release.model_version_id for release in live}
    values = {
        (value.model_version_id, value.name): value
        for value in MetricValue.objects.filter(model_version__in=keys, name__in=names)
    }
    return [_standing(version, live, values) for version in versions]


def _standing(version: ModelVersion, live: list[Release], values: dict) -> Standing:
    name = headline_name(version)
    release = next((one for one in live if one.dataset_id == version.dataset_id), None)
    if release and (
        release.model_version_id == version.pk or not have_same_target(version, release.model_version)
    ):
        release = None
    of_live = values.get((release.model_version_id, name)) if release else None
    return Standing(version, definitions.BY_NAME[name], values.get((version.pk, name)), release, of_live)
