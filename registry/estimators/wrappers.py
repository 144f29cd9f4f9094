"""The wrappers of scikit-learn around the estimator of a pipeline, and what is inside them. No Django.

An artifact loads without our code, so each is a class of scikit-learn.
"""

from collections.abc import Iterator

WRAPPERS = {"FixedThresholdClassifier", "TunedThresholdClassifierCV", "CalibratedClassifierCV"}
# XGBoost's classifiers take the numbers of classes from 0, and predict them; CatBoost's turn some labels into texts. A
# vote of one estimator numbers the classes, and gives their names back. CatBoost also refuses to change the parameters
# of a fitted estimator, such as the number of trees after early stopping: in a vote, only a clone is fitted.
IN_A_VOTE = {"XGBClassifier", "XGBRFClassifier", "CatBoostClassifier", "CatBoostRegressor"}
VOTES = {"VotingClassifier", "VotingRegressor"}
LABELLED = "labelled"


def with_labels(estimator):
    """The estimator, inside of a vote if it needs one."""
    if type(estimator).__name__ not in IN_A_VOTE:
        return estimator
    from sklearn.ensemble import VotingClassifier, VotingRegressor

    if hasattr(type(estimator), "predict_proba"):
        return VotingClassifier([(LABELLED, estimator)], voting="soft")
    return VotingRegressor([(LABELLED, estimator)])


def is_labelled(model) -> bool:
    """Whether it is the vote of with_labels(); an ensemble has another name for each of its members."""
    return type(model).__name__ in VOTES and model.estimators[0][0] == LABELLED


def around(model) -> Iterator:
    """A model and what it wraps, fitted and unfitted, as far as these set a threshold or a calibration."""
    if type(model).__name__ in WRAPPERS:
        yield model
        for inner in (model.estimator, getattr(model, "estimator_", None)):
            yield from around(inner)


def chain(model) -> Iterator:
    """A model, what it wraps, and so on to the estimator, unfitted if the wrappers have cloned it."""
    yield model
    if type(model).__name__ in WRAPPERS and model.estimator is not None:
        yield from chain(model.estimator)
    elif is_labelled(model):
        yield from chain(model.estimators[0][1])


def estimator_of(model):
    """The estimator inside the wrappers of the step "model", unfitted if they have cloned it."""
    *_, estimator = chain(model)
    return estimator


def fitted(model) -> Iterator:
    """The fitted estimators inside the wrappers of a fitted model: one, or one for each fold of a calibration."""
    if type(model).__name__ == "CalibratedClassifierCV":
        for one in model.calibrated_classifiers_:
            yield from fitted(one.estimator)
    elif type(model).__name__ in WRAPPERS:
        yield from fitted(model.estimator_)
    elif is_labelled(model):
        yield from model.estimators_
    else:
        yield model
