"""The parts of a training request that make it one of a training group."""

from rest_framework import serializers

from mlplatform.validation.serializers import Serializer
from registry.search.plan import MAX_TRIALS, METHODS, TASKS, is_group


class LimitsSerializer(Serializer):
    """When a search ends, and by what it ranks its trials."""

    n_trials = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_TRIALS,
        help_text="The largest number of trials.",
    )
    time_budget_s = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The time for all trials and the last fit, in seconds.",
    )
    metric = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=50,
        help_text="The metric that ranks the trials, such as `roc_auc`, `log_loss` or `rmse`.",
    )


class SearchSerializer(LimitsSerializer):
    params = serializers.DictField(
        help_text="By parameter, a list of values or an object with `low` and `high`, and optionally `step` or `log`."
    )
    method = serializers.ChoiceField(list(METHODS), required=False, help_text="How to choose parameters.")


class AutoSerializer(LimitsSerializer):
    task = serializers.ChoiceField(
        list(TASKS), required=False, allow_null=True, help_text="By default that which fits the target."
    )


def check_what_to_try(data: dict) -> None:
    """One model, with or without a search, or several, or an automatic choice. Raises DRF's ValidationError."""
    named = [name for name in ("model", "models", "auto") if data.get(name) is not None]
    if not named:
        raise serializers.ValidationError({"model": ["This field is required."]}, code="required")
    if len(named) > 1:
        _refuse(named[1], f"`{named[1]}` cannot be combined with `{named[0]}`.")
    if data.get("search") is not None and named != ["model"]:
        _refuse("search", "A search needs the `model` whose parameters it varies.")
    if "keep" in data and not is_group(data):
        _refuse("keep", "Only for `models`, `search` and `auto`.")


def _refuse(field: str, sentence: str) -> None:
    raise serializers.ValidationError({field: [sentence]}, code="invalid")
