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
