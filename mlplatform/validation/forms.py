"""The base class of page forms, and the check of the query parameters and fields of a page."""

from collections.abc import Collection

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

from mlplatform.validation import integers, sentences, unknown_names

CSRF_FIELD = "csrfmiddlewaretoken"


class StrictForm(forms.Form):
    """A form that rejects unknown and repeated fields, with our sentences instead of Django's."""

    extra_names: tuple[str, ...] = ()  # that the page submits besides the fields, such as names of buttons

    def full_clean(self):
        for field in self.fields.values():
            sentences.replace_defaults(field)
            integers.refuse_others(field)
        super().full_clean()

    def clean(self):
        known = [self.add_prefix(name) for name in self.fields]
        names = [name for name in [*self.data, *self.files] if name not in {CSRF_FIELD, *self.extra_names}]
        for error in unknown_names.errors(self.submitted_names(names), known).values():
            self.add_error(None, error)
        for name, values in self.data.lists() if isinstance(self.data, QueryDict) else ():
            if len(values) > 1 and not isinstance(self.fields.get(name), forms.MultipleChoiceField):
                self.add_error(None, unknown_names.repeated(name))
        return super().clean()

    def submitted_names(self, names: list[str]) -> list[str]:
        """The submitted names to check; forms whose fields change between requests leave some out."""
        return names


def integer(query: QueryDict, name: str) -> int | None:
    """The value of a query parameter of a page; None without one. Raises ValidationError for anything else."""
    text = query.get(name, "")
    number = integers.parse(text)
    if text and number is None:
        raise ValidationError({name: ValidationError(f"`{name}` must be an integer.", code="invalid")})
    return number


def return_address(text: str, default: str) -> str:
    """Where a form leads back to: an address of this site that the page has sent, or the default."""
    is_ours = text.startswith("/") and url_has_allowed_host_and_scheme(text, allowed_hosts=None)
    return text if is_ours else default


def check_page(
    request: HttpRequest, *, query: Collection[str] | None = (), fields: Collection[str] | None = ()
) -> None:
    """Raise ValidationError for unknown query parameters, and for unknown fields of a POST.

    None means that the view checks them.
    """
    if query is not None:
        unknown_names.check_query(request.GET, query)
    if request.method == "POST" and fields is not None:
        unknown_names.check([name for name in request.POST if name != CSRF_FIELD], fields)
        unknown_names.check_not_repeated(request.POST)
