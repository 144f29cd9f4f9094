from django.contrib.staticfiles.storage import StaticFilesStorage

from mlplatform.web.proxies import PrefixedUrls


class StaticFilesWithoutManifest(PrefixedUrls, StaticFilesStorage):
    """The static files of the platform without hashes in their names, for which collectstatic would have to run."""
