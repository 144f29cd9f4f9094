"""Template filters for training groups and their trials."""

from django import template

from mlplatform.number_formats import DASH, duration, metric
from registry.estimators.form_fields import shown
from registry.evaluation import definitions
from registry.templatetags.registry_ui import STAGE_LABELS, run_time

register = template.Library()

TRIAL_TONES = {"complete": "green", "running": "blue", "pruned": "grey", "failed": "red"}


@register.filter
def metric_label(name):
    return definitions.BY_NAME[name].label if name in definitions.BY_NAME else name


@register.filter
def group_stage(job):
    return STAGE_LABELS.get(job.stage, "Starting")


@register.filter
def group_percent(job):
    return round(job.progress * 100)


@register.filter
def group_limits(group):
    """When a running group ends."""
    limits = []
    if group.n_trials:
        limits.append(f"after {group.n_trials} trials")
    if group.time_budget_s:
        limits.append(f"after {duration(group.time_budget_s)}")
    end = f" Ends {' or '.join(limits)}." if limits else ""
    return f"Running for {duration(run_time(group.job))}.{end} You can leave this page."


@register.filter
def of_limit(count):
    return f"of at most {count}" if count else ""


@register.filter
def of_budget(seconds):
    return f"time budget {duration(seconds)}" if seconds else ""


@register.filter
def trial_tone(state):
    return TRIAL_TONES[state]


@register.filter
def params_line(params):
    """`max_depth=3, criterion=gini`; of an ensemble its members with their weights."""
    if members := params.get("members"):
        weights = params.get("weights") or [1] * len(members)
        return ", ".join(
            f"{weight:g} × {member['class']}" for weight, member in zip(weights, members, strict=True)
        )
    return ", ".join(f"{name}={_short(value)}" for name, value in params.items()) or "defaults"


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else shown(value)


@register.filter
def spread(scores):
    """The lowest and the highest of the scores of the folds."""
    return f"{metric(min(scores))} – {metric(max(scores))}" if scores else DASH
