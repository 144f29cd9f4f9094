"""GET /algorithms: what can be trained, and what is missing on this server."""

from tests.registry.estimators import without_frameworks


def listed(api) -> dict[str, dict]:
    response = api.get("/algorithms")
    assert response.status_code == 200
    return {row["name"]: row for row in response.json()["algorithms"]}


def test_every_algorithm_is_listed_with_its_module_and_task(api):
    row = listed(api)["RandomForestClassifier"]
    assert (row["module"], row["task"], row["installed"]) == ("ensemble", "classification", True)
    assert listed(api)["LGBMRegressor"]["installed"]


def test_what_is_not_installed_is_listed_with_the_command_that_installs_it(api, monkeypatch):
    without_frameworks.hide(monkeypatch)
    row = listed(api)["XGBClassifier"]
    assert (row["installed"], row["install"]) == (False, "make run EXTRAS=xgboost")
    parameters = api.get("/algorithms/XGBClassifier").json()["parameters"]
    assert parameters[0]["name"] == "n_estimators"


def test_an_algorithm_has_its_parameters_with_what_they_allow(api):
    by_name = {one["name"]: one for one in api.get("/algorithms/Ridge").json()["parameters"]}
    assert by_name["alpha"]["default"] == 1.0
    assert by_name["alpha"]["allowed"].startswith("a number from 0")


def test_an_unknown_algorithm_is_not_found_and_names_the_nearest(api):
    response = api.get("/algorithms/Ridg")
    assert response.status_code == 404
    assert "did you mean Ridge?" in response.json()["detail"]
