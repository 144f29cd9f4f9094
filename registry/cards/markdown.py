"""A model card as a Markdown document."""

import re

from mlplatform.number_formats import metric
from registry.cards.facts import Card
from registry.models import Release

NOT_WRITTEN = "_Not written yet._"
SPECIAL = re.compile(r"([\\*_\[\]<>|#~])")


def document(card: Card) -> str:
    """What people wrote, as they wrote it, and then the facts. Names in facts are escaped."""
    version, revision = card.version, card.revision
    parts = [f"# Model card: {_escaped(version.dataset.name)} version {version.number}"]
    if revision.number:
        by = revision.written_by.get_username() if revision.written_by else "a deleted account"
        parts.append(
            _escaped(f"Revision {revision.number}, by {by}, {revision.written_at:%Y-%m-%d %H:%M} UTC.")
        )
    parts += ["## Purpose", revision.purpose or NOT_WRITTEN]
    parts += ["## Owner", _escaped(revision.owner) or NOT_WRITTEN]
    parts += ["## Limits", revision.limits or NOT_WRITTEN]
    if card.metrics:
        parts += ["## Metrics", _metrics(card)]
    if card.warnings:
        parts += ["## Warnings", _list(card.warnings)]
    for section in card.sections:
        parts += [f"## {section.title}", _list([f"{fact.label}: {fact.shown}" for fact in section.facts])]
    parts += ["## Releases", _list([release_sentence(release) for release in card.releases])]
    return "\n\n".join(parts) + "\n"


def release_sentence(release: Release) -> str:
    """`production from 2026-11-01 12:00 UTC, live: promotion by ada, "better on rare classes"`"""
    until = f" to {release.ended_at:%Y-%m-%d %H:%M} UTC" if release.ended_at else ", live"
    by = release.released_by.get_username() if release.released_by else "a deleted account"
    comment = f': "{release.comment}"' if release.comment else ""
    start = f"{release.stage} from {release.started_at:%Y-%m-%d %H:%M} UTC{until}"
    return f"{start}, {release.get_kind_display()} by {by}{comment}"


def _metrics(card: Card) -> str:
    rows = ["| Metric | Test | 95 % interval | Train | Baseline |", "|---|---:|---:|---:|---:|"]
    for row in card.metrics:
        low_high = f"{metric(row['interval'][0])} to {metric(row['interval'][1])}" if row["interval"] else "–"
        values = (metric(row["test"]), low_high, metric(row["train"]), metric(row["baseline"]))
        rows.append(f"| {row['metric'].label} | {' | '.join(values)} |")
    baseline = f"\n\nThe baseline predicts {card.baseline} of the training rows." if card.baseline else ""
    return "\n".join(rows) + baseline


def _list(sentences: list[str]) -> str:
    return "\n".join(f"- {_escaped(sentence)}" for sentence in sentences)


def _escaped(text: str) -> str:
    """On one line, so that no name is read as Markdown; what is in backticks stays as it is."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else SPECIAL.sub(r"\\\1", part) for part in parts)
