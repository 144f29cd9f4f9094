from django.contrib.auth.forms import AuthenticationForm

from mlplatform.validation.forms import StrictForm


class SignInForm(StrictForm, AuthenticationForm):
    extra_names = ("next",)
    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "Incorrect username or password.",
        "inactive": "This account is disabled.",
    }
