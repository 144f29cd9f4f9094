from django.conf import settings
from django.db import models


class SavedFilter(models.Model):
    """The filters and the order of a list that a user has kept under a name."""

    MAX_NAME, MAX_QUERY = 100, 2000  # characters

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    page = models.CharField(max_length=100, help_text="The path of the list.")
    name = models.CharField(max_length=MAX_NAME)
    query = models.CharField(
        max_length=MAX_QUERY, help_text="The query string, without the number of the page."
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="saved_filter_name")]

    def __str__(self):
        return f"{self.name}: {self.page}?{self.query}"
