"""The revisions of a model card: what people write, saved by one operation."""

from django.core.exceptions import ValidationError
from django.db import transaction

from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound
from registry.models import CardRevision, ModelVersion

NO_REVISION = 0
TEXTS = ("purpose", "owner", "limits")


def current(version: ModelVersion) -> CardRevision:
    """The newest revision; one without texts, numbered 0 and not saved, if nobody has written any."""
    newest = version.card_revisions.select_related("written_by").first()
    return newest or CardRevision(model_version=version, number=NO_REVISION)


def numbered(version: ModelVersion, number: int | None) -> CardRevision:
    """One revision, the newest for None. Raises NotFound."""
    if number is None:
        return current(version)
    revision = version.card_revisions.select_related("written_by").filter(number=number).first()
    if revision is None:
        raise NotFound(f"The card of {version} has no revision {number}.", code="revision_not_found")
    return revision


def save(version: ModelVersion, *, revision: int, by, **texts: str) -> CardRevision:
    """Save `purpose`, `owner` and `limits` as a new revision; a text that is not given stays as it is.

    `revision` is the number of the one that the texts were written on, 0 for none. Without a difference, nothing is
    saved. Raises Conflict if a newer one was saved, ValidationError for a text that is too long, and NotFound if the
    version was deleted.
    """
    permissions.check(by, "train")
    texts = {name: text.replace("\r\n", "\n").strip() for name, text in texts.items()}
    with transaction.atomic():
        ModelVersion.objects.locked(version)
        newest = current(version)
        if newest.number != revision:
            raise Conflict(_conflict(newest, revision), code="card_changed")
        values = {name: getattr(newest, name) for name in TEXTS}
        if values | texts == values:
            return newest
        saved = CardRevision(
            model_version=version, number=newest.number + 1, written_by=by, **(values | texts)
        )
        _check_sizes(saved)
        saved.save(force_insert=True)
    return saved


def _conflict(newest: CardRevision, revision: int) -> str:
    if newest.number == NO_REVISION:
        return f"The card has no revision {revision}: nobody has written it yet. Send 0."
    by = newest.written_by.get_username() if newest.written_by else "a deleted account"
    when = f"{newest.written_at:%Y-%m-%d at %H:%M} UTC"
    basis = f"on revision {revision}" if revision else "before there was any"
    return (
        f"Revision {newest.number} of the card was saved by {by} on {when}; yours is based {basis}. Read it, "
        "merge both texts, and save again."
    )


def _check_sizes(card: CardRevision) -> None:
    limits = {"purpose": card.MAX_TEXT, "owner": card.MAX_OWNER, "limits": card.MAX_TEXT}
    errors = {
        name: ValidationError(f"Must have at most {limit:,} characters.", code="max_length")
        for name, limit in limits.items()
        if len(getattr(card, name)) > limit
    }
    if errors:
        raise ValidationError(errors)
