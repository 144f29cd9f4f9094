"""Replay golden rows after an upgrade: does an artifact that another scikit-learn saved predict the same bits here?

No Django models: a child process without a database runs it.
"""

from dataclasses import asdict, dataclass

from serving.engine import inference, verification
from serving.engine.inference import InferenceEngine
from serving.engine.verification import ENGINE_ERRORS, GoldenRows, equal

MAX_VALUE_LENGTH = 50


@dataclass(frozen=True)
class Replay:
    """Either the `engine` that predicts every golden row bit for bit, or the first difference, or another `reason`."""

    engine: str = ""
    row: int | None = None  # from 1
    output: str = ""  # "prediction" or "probability of `rose`"
    expected: str = ""
    got: str = ""
    reason: str = ""

    to_dict = asdict


def replay(pipeline, signature: dict, golden: GoldenRows, *, engine: str) -> Replay:
    """Predict the golden rows with the version's `engine` and, if that differs, with the full pipeline."""
    engines = [] if engine == "pipeline" else [verification.build_engine(pipeline, signature)]
    for candidate in [*engines, inference.full_pipeline(pipeline, "")]:
        try:
            result = _first_difference(candidate, golden, signature)
        except ENGINE_ERRORS as error:  # its message may quote data
            result = Replay(reason=f"predicting its golden rows failed with {type(error).__name__}")
        if result is None:
            return Replay(engine=candidate.kind)
    return result


def _first_difference(engine: InferenceEngine, golden: GoldenRows, signature: dict) -> Replay | None:
    predictions, scores = verification.outputs_in_one_thread(engine, golden.rows, signature)
    expected_predictions, expected_scores = golden.outputs
    pairs = [("prediction", predictions, expected_predictions)]
    if expected_scores is not None:
        names = [f"probability of `{label}`"[:MAX_VALUE_LENGTH] for label in signature["classes"]]
        pairs += zip(names, scores.T, expected_scores.T, strict=True)
    differences = []
    for order, (output, actual, expected) in enumerate(pairs):
        is_equal = equal(actual, expected, rtol=0, atol=0)
        if not is_equal.all():
            row = int(is_equal.argmin())
            values = _text(expected[row]), _text(actual[row])
            differences.append((row, order, Replay("", row + 1, output, *values)))
    return min(differences, key=lambda difference: difference[:2])[2] if differences else None


def _text(value) -> str:
    return str(getattr(value, "item", lambda: value)())[:MAX_VALUE_LENGTH]
