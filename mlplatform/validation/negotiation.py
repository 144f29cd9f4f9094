"""The media type of an API response."""

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation


class LenientNegotiation(DefaultContentNegotiation):
    """Responds with the first renderer of the view where `Accept` has none of them, instead of 406.

    Files and their errors have different types: a client that accepts only `text/csv` gets the file, and the JSON of
    an error. RFC 9110, section 12.5.1, allows it. The query parameter `format` selects a renderer only in views with
    several; the list of datasets has a filter of that name.
    """

    def select_renderer(self, request, renderers, format_suffix=None):
        if len(renderers) == 1:
            return renderers[0], renderers[0].media_type
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type
