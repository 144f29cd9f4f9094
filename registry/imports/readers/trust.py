"""The types that a skops file may contain. This list decides, not the file: see docs/decisions/imported-models.md.

skops can check that an object is of a trusted type, not that its content is safe: contents.py does. What neither can
make safe is not here, such as support vector machines and nearest neighbours, whose compiled code follows the indices
of a file.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

from registry.estimators import array_libraries

# Packages of scikit-learn with estimators that are arrays and arithmetic, or trees, which contents.py checks.
PACKAGES = {
    *("calibration", "compose", "cross_decomposition", "decomposition", "discriminant_analysis", "dummy", "ensemble"),
    *("feature_selection", "gaussian_process", "impute", "isotonic", "kernel_approximation", "kernel_ridge"),
    *("linear_model", "multiclass", "naive_bayes", "neural_network", "pipeline", "preprocessing", "random_projection"),
    "tree",
}  # fmt: skip
ESTIMATORS = {
    "sklearn.feature_extraction.text.CountVectorizer",
    "sklearn.feature_extraction.text.TfidfTransformer",
    "sklearn.feature_extraction.text.TfidfVectorizer",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier",
    "sklearn.svm._classes.LinearSVC",
    "sklearn.svm._classes.LinearSVR",
}
# Parts of fitted estimators.
PARTS = {
    "collections.OrderedDict",
    "collections.defaultdict",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "scipy.sparse._csc.csc_array",
    "scipy.sparse._csc.csc_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.compose._column_transformer.make_column_selector",  # called by a fit only
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
}
FUNCTIONS = {
    f"sklearn.feature_selection._univariate_selection.{name}"
    for name in ("chi2", "f_classif", "f_regression")
} | {f"sklearn.feature_selection._mutual_info.mutual_info_{kind}" for kind in ("classif", "regression")}
LOSSES = {
    f"sklearn.linear_model._sgd_fast.{name}"
    for name in ("EpsilonInsensitive", "Hinge", "ModifiedHuber", "SquaredEpsilonInsensitive", "SquaredHinge")
}
# Modules whose own classes are numeric; not what they import, such as `namedtuple`.
PARTS_OF = (
    "sklearn._loss._loss",
    "sklearn._loss.link",
    "sklearn._loss.loss",
    "sklearn.gaussian_process.kernels",
)
# The kinds of nodes in a file. Not here: bound methods, partial functions, operators and what constructors return.
LOADERS = {
    *(
        "CachedNode",
        "DTypeNode",
        "DefaultDictNode",
        "DictNode",
        "FunctionNode",
        "JsonNode",
        "ListNode",
        "LossNode",
    ),
    *(
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SetNode",
        "SliceNode",
    ),
    *("SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode"),
}
BUILTINS = {
    f"builtins.{name}"
    for name in ("bool", "dict", "float", "int", "list", "object", "set", "slice", "str", "tuple")
}


@cache
def skops_io() -> ModuleType:
    """`skops.io`, which lists the estimators of scikit-learn when it is imported."""
    with array_libraries.hidden():
        return import_module("skops.io")


@cache
def _estimators() -> frozenset[str]:
    from sklearn.utils import all_estimators

    with array_libraries.hidden():
        names = {f"{cls.__module__}.{cls.__name__}" for _, cls in all_estimators()}
    return frozenset(name for name in names if name.split(".")[1] in PACKAGES) | ESTIMATORS


@cache
def _parts() -> frozenset[str]:
    classes = [
        one for name in PARTS_OF for one in vars(import_module(name)).values() if isinstance(one, type)
    ]
    return frozenset(f"{one.__module__}.{one.__name__}" for one in classes if one.__module__ in PARTS_OF)


@cache
def _numeric() -> frozenset[str]:
    """The functions, number types and generators of numpy, and the special functions of scipy."""
    trusted = skops_io()._trusted_types
    return frozenset(
        [
            *("numpy.number", "numpy.integer", "numpy.floating"),  # to select columns by
            *("numpy.ndarray", "numpy.dtype", "numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"),
            *("numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"),
            *trusted.NUMPY_DTYPE_TYPE_NAMES,
            *trusted.NUMPY_UFUNC_TYPE_NAMES,
            *trusted.SCIPY_UFUNC_TYPE_NAMES,
        ]
    )


def is_trusted(loader: str, name: str) -> bool:
    """Whether a node of a file can be constructed: an instance, a type or a function of this name."""
    if loader not in LOADERS:
        return False
    if loader == "JsonNode":
        return True
    if loader == "FunctionNode":
        return name in FUNCTIONS or name in _numeric()
    return (
        name in BUILTINS
        or name in _numeric()
        or name in PARTS | LOSSES
        or name in _estimators()
        or name in _parts()
    )
