from django.core.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination


class ApiPagination(PageNumberPagination):
    """`{count, next, previous, results}`; `?page=2&page_size=100`, at most 200 a page."""

    page_size = 50
    page_size_query_param = "page_size"
    page_size_query_description = "Rows per page, from 1 to 200; 50 by default."
    max_page_size = 200
    invalid_page_message = "There is no page {page_number}."

    def get_page_size(self, request) -> int:
        """Raises ValidationError (invalid_page_size), where the base class would use another size."""
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        is_number = text.isascii() and text.isdigit() and len(text) < 10
        if not is_number or not 1 <= int(text) <= self.max_page_size:
            message = f"`page_size` must be an integer from 1 to {self.max_page_size}."
            error = ValidationError(message, code="invalid_page_size")
            raise ValidationError({"page_size": error})
        return int(text)
