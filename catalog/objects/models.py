from django.db import models

from catalog.objects.location import MAX_LENGTH


class ByReference(models.Model):
    """What can be the manifest of files that lie elsewhere, instead of an uploaded file."""

    uri = models.CharField(
        max_length=MAX_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Where its files are if it is registered by reference: the stored file is their manifest.",
    )

    class Meta:
        abstract = True


class DraftQuerySet(models.QuerySet):
    def stored(self):
        """Those whose file is stored: of the others, the upload was interrupted, or goes on."""
        return self.exclude(sha256="")

    def uploads(self):
        """The stored ones that a user checks: not those of tables that are registered by reference."""
        return self.stored().filter(uri="")
