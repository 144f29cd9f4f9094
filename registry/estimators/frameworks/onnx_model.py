"""A model in ONNX as an estimator, run by ONNX Runtime on one thread. Imported only to load one.

Artifacts of imported ONNX models name these classes, so they must stay here.
"""

import threading

import numpy as np
import pandas
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

# By the type of an input, the dtype of the array that it takes.
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": bool,
    "tensor(string)": object,
}


def session_of(content: bytes):
    """A session without custom operators, and without a thread of its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class ONNXModel(BaseEstimator):
    """`content` is the file. `label` and `scores` are the names of its outputs, if it has them."""

    def __init__(self):
        pass

    @classmethod
    def of(cls, content: bytes, *, label: str | None, scores: str | None):
        model = cls()
        model.content, model.label, model.scores = content, label, scores
        model._lock = threading.Lock()
        return model

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in {"_lock", "_session"}}

    def __setstate__(self, state):
        vars(self).update(state, _lock=threading.Lock())

    def fit(self, X, y=None):
        """What makes it an estimator for scikit-learn."""
        raise NotImplementedError("A model in ONNX cannot be fitted.")

    def __sklearn_is_fitted__(self):
        return True

    def run(self, rows) -> dict[str, object]:
        """The outputs for rows: a frame with a column for each input, or an array for the only one.

        Raises ValueError for what ONNX Runtime refuses.
        """
        with self._lock:
            if not hasattr(self, "_session"):
                self._session = session_of(self.content)
        inputs = self._session.get_inputs()
        try:
            if isinstance(rows, pandas.DataFrame):
                values = {one.name: _cells(rows[one.name], one) for one in inputs}
            else:
                values = {inputs[0].name: np.asarray(rows, dtype=DTYPES[inputs[0].type])}
            names = [name for name in (self.label, self.scores) if name]
            return dict(zip(names, self._session.run(names, values), strict=True))
        except Exception as error:  # of classes that the binding defines
            raise ValueError(" ".join(str(error).split())[:300]) from error


def _cells(series: pandas.Series, one) -> np.ndarray:
    """A column as an input takes it, of the shape (rows, 1) or (rows,); a missing text is empty."""
    dtype = DTYPES[one.type]
    if dtype is object:
        values = series.astype(object).where(series.notna(), "").map(str).to_numpy(dtype=object)
    elif dtype in (np.float32, np.float64):
        values = series.astype("float64").to_numpy(dtype)
    else:
        values = series.to_numpy(dtype)
    return values.reshape(-1, 1) if len(one.shape) == 2 else values


class ONNXClassifier(ClassifierMixin, ONNXModel):
    """`classes_` are in the order of the scores."""

    def predict(self, X) -> np.ndarray:
        found = self.run(X)
        if self.label:
            return np.asarray(found[self.label]).ravel()
        return self.classes_.take(self._probabilities(found).argmax(axis=1))

    def predict_proba(self, X) -> np.ndarray:
        return self._probabilities(self.run(X))

    def _probabilities(self, found: dict) -> np.ndarray:
        scores = found[self.scores]
        if isinstance(scores, list):  # of a ZipMap: a dictionary for each row
            return np.array(
                [[row[label] for label in self.classes_.tolist()] for row in scores], dtype=np.float64
            )
        return np.asarray(scores, dtype=np.float64)


class ONNXRegressor(RegressorMixin, ONNXModel):
    def predict(self, X) -> np.ndarray:
        return np.asarray(self.run(X)[self.scores], dtype=np.float64).ravel()
