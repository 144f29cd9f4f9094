from registry.training.request import AUTOMATIC, TrainingRequest


def test_a_request_survives_its_way_through_a_job():
    request = TrainingRequest(
        "tree",
        "DecisionTreeClassifier",
        {"max_depth": 2},
        target="species",
        features=["length"],
        test_size=0.3,
        random_state=None,
        description="why",
    )
    assert TrainingRequest.from_dict(request.to_dict()) == request


def test_an_absent_key_has_its_default():
    request = TrainingRequest.from_dict({"model": {"module": "tree", "class": "DecisionTreeClassifier"}})
    assert request == TrainingRequest("tree", "DecisionTreeClassifier")
    assert request.target == AUTOMATIC


def test_a_target_of_null_means_no_target():
    model = {"module": "cluster", "class": "KMeans"}
    assert TrainingRequest.from_dict({"model": model, "target_column": None}).target is None
