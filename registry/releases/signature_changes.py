"""What the callers of a stage notice if one model version replaces another: the differences of their signatures."""

from mlplatform.errors import Conflict
from registry.models import ModelVersion

MAX_NAMES = 5


def breaking(live: ModelVersion, coming: ModelVersion) -> list[str]:
    """A sentence for each difference that can break a request or change the meaning of a response."""
    before, after = live.signature, coming.signature
    return [*_output_changes(before, after), *_input_changes(before["inputs"], after["inputs"])]


def check_allowed(live: ModelVersion, coming: ModelVersion, *, stage: str, allowed: bool) -> None:
    """Raise Conflict if a promotion breaks the requests of callers, and that is not allowed."""
    sentences = [] if allowed else breaking(live, coming)
    if sentences:
        raise Conflict(
            f"Version {coming.number} does not serve the callers of version {live.number}, which is live in {stage}. "
            f"{' '.join(sentences)} Confirm the change with the name of the dataset on the page of the promotion, or "
            "with `allow_signature_change` in the API.",
            code="signature_change",
        )


def _output_changes(before: dict, after: dict) -> list[str]:
    names = [(one["target"] or {}).get("name") for one in (before, after)]
    if names[0] != names[1] or before["output"] != after["output"]:
        was, now = (_output(one, name) for one, name in zip((before, after), names, strict=True))
        return [f"Predicts {now} instead of {was}."]
    sentences = []
    types = [(one["target"] or {}).get("type") for one in (before, after)]
    if after["output"] == "class" and types[0] != types[1]:
        sentences.append(f"The classes of `{names[1]}` are {types[1]} instead of {types[0]}.")
    classes = [[str(label) for label in one["classes"] or ()] for one in (before, after)]
    if gone := _without(*classes):
        sentences.append(f"Never predicts {_listed(gone, 'the class', 'the classes')}.")
    if new := _without(*reversed(classes)):
        sentences.append(f"Can also predict {_listed(new, 'the class', 'the classes')}.")
    if before["probabilities"] and not after["probabilities"]:
        sentences.append("Does not support probabilities.")
    return sentences


def _output(signature: dict, target: str | None) -> str:
    return f"a {signature['output']}" + (f" of `{target}`" if target else "")


def _input_changes(before: list[dict], after: list[dict]) -> list[str]:
    types, new_types = ({column["name"]: column["type"] for column in side} for side in (before, after))
    sentences = []
    if gone := _without(types, new_types):
        sentences.append(f"Refuses requests with {_listed(gone, 'the column', 'the columns')}.")
    if new := _without(new_types, types):
        sentences.append(f"Refuses requests without {_listed(new, 'the column', 'the columns')}.")
    shared = [name for name in types if name in new_types]
    sentences += [
        f"`{name}` is {new_types[name]} instead of {types[name]}."
        for name in shared
        if types[name] != new_types[name] and (types[name], new_types[name]) != ("integer", "number")
    ][:MAX_NAMES]
    if not gone and not new and list(types) != list(new_types):
        sentences.append("Expects the values of rows without column names in another order.")
    return sentences


def _without(names, others) -> list[str]:
    others = set(others)
    return [name for name in names if name not in others]


def _listed(names: list[str], one: str, several: str) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return f"{one if len(names) == 1 else several} {listed}{more}"
