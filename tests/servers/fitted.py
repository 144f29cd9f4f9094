"""The fit of make_version and of the training jobs of tests, done once for equal tables: 95 % of a training."""

import dataclasses
import hashlib
import io
import pickle
from collections.abc import Callable

from catalog.models import DatasetVersion
from registry.training import run
from registry.training.registration import FittedModel
from registry.training.request import TrainingRequest


class FittedModels:
    """Fitted models with the bytes of their artifacts and the progress of their fits, by table and request.

    Reading the table is repeated, so that a file that is gone or another content is noticed as without this.
    """

    def __init__(self):
        self._fitted: dict[str, tuple[FittedModel, bytes, list[tuple]]] = {}

    def fit(
        self,
        source: DatasetVersion,
        *,
        request: TrainingRequest,
        progress: Callable[..., None],
        with_diagnostics: bool = True,
    ) -> FittedModel:
        progress("loading", None)
        table = run.read(source, request=request)
        content = pickle.dumps((vars(table), request.to_dict(), with_diagnostics))
        key = hashlib.sha256(content).hexdigest()
        if key not in self._fitted or request.random_state is None:
            steps = []

            def record(*step) -> None:
                steps.append(step)
                progress(*step)

            model = run.fit_table(table, request=request, progress=record, with_diagnostics=with_diagnostics)
            with model.artifact.file as file:
                file.seek(0)
                self._fitted[key] = (model, file.read(), steps)
        else:
            for step in self._fitted[key][2]:
                progress(*step)
        model, content, _ = self._fitted[key]
        return dataclasses.replace(
            model, request=request, artifact=dataclasses.replace(model.artifact, file=io.BytesIO(content))
        )


FITTED_MODELS = FittedModels()
