"""System checks of the settings of serving."""

import pytest

from serving.system_checks import invocations_model


@pytest.mark.parametrize("model", ["a@b@c", "iris@live", "@dev", "My Data", "iris@", " "])
def test_a_name_that_no_model_can_have_is_an_error(settings, model):
    settings.INVOCATIONS_MODEL = model
    assert [message.id for message in invocations_model(None)] == ["serving.E001"]


@pytest.mark.parametrize("model", ["", "iris", "iris@dev", "my_data_2@production"])
def test_the_name_of_a_model_is_valid(settings, model):
    settings.INVOCATIONS_MODEL = model
    assert invocations_model(None) == []
