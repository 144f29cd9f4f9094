from django.conf import settings
from django.db import models


class Tag(models.Model):
    """A word by which people group objects, such as `finance`. Objects have it as a ManyToManyField named `tags`."""

    MAX_LENGTH = 50

    name = models.CharField(
        max_length=MAX_LENGTH, unique=True, help_text="In lower case: see mlplatform.metadata.tags.normalize."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class TaggedModel(models.Model):
    """What people group by tags, and mark as favourites of their own."""

    tags = models.ManyToManyField(Tag, related_name="%(class)ss", blank=True)
    favourited_by = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="favourite_%(class)ss", blank=True
    )

    class Meta:
        abstract = True

    @property
    def tag_names(self) -> list[str]:
        """Without a query in a list: see mlplatform.metadata.tags.listed."""
        tags = self.listed_tags if hasattr(self, "listed_tags") else self.tags.all()
        return [tag.name for tag in tags]
