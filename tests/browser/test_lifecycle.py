"""The life of a model on the pages, with and without JavaScript."""

import re

from playwright.sync_api import expect

from tests.conftest import FLOWERS
from tests.servers.platform import PASSWORD


def flowers(name: str) -> dict:
    return {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": FLOWERS.encode()}


def search_field(page, name: str):
    """The field that replaces a select element, which has its role and name until then."""
    return page.get_by_role("combobox", name=name).and_(page.locator("input"))


def test_a_model_is_uploaded_trained_promoted_and_used(visit):
    page = visit()
    page.goto("/catalog/upload/")
    page.get_by_label("File").set_input_files(flowers("Spring Walk"))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("24 rows and 4 columns.")).to_be_visible()
    page.get_by_role("button", name="Add to the catalog").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("spring_walk")

    page.get_by_role("link", name="Train a model").click()
    page.get_by_label("Description").fill("the walk")
    target = search_field(page, "Target")
    target.fill("species")
    target.press("Enter")
    expect(page.get_by_text("Parameters of RandomForestClassifier")).to_be_visible()
    algorithm = search_field(page, "Algorithm")
    algorithm.click()
    algorithm.fill("decisiontreec")
    algorithm.press("Enter")
    fold = page.get_by_text("Parameters of DecisionTreeClassifier")
    expect(fold).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("the walk")
    fold.click()
    page.get_by_label("max_depth").fill("3")
    page.get_by_role("button", name="Train", exact=True).dblclick()

    page.wait_for_url("**/registry/jobs/*/")
    page.get_by_role("link", name="Open version 1").click()  # the page polls for it
    expect(page.get_by_role("heading", name="Confusion matrix")).to_be_visible()

    page.get_by_label("Comment").fill("good enough")
    page.get_by_role("button", name="Promote version 1").click()
    expect(page.get_by_text("Version 1 is live in staging.")).to_be_visible()

    page.get_by_role("link", name="Try it").click()
    page.get_by_label("length").fill("9")
    address = page.url
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator(".answer")).to_have_text(re.compile("tulip|rose"))
    expect(page.locator(".bars .bar")).to_have_count(2)
    assert page.url == address
    page.get_by_role("tab", name="Python").click()
    expect(page.locator("section[data-tab=Python]")).to_contain_text("'length': 9")

    page.goto("/registry/jobs/?dataset=spring_walk")
    expect(page.locator("#results tbody tr")).to_have_count(1)  # the double-click trained once


def test_the_platform_works_without_javascript(visit):
    page = visit(java_script_enabled=False)
    page.goto("/catalog/upload/")
    page.get_by_label("File").set_input_files(flowers("Quiet Walk"))
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Type of length").select_option("number")
    page.get_by_role("button", name="Read again").click()
    expect(page.get_by_label("Type of length")).to_have_value("number")
    page.get_by_role("button", name="Add to the catalog").click()
    page.get_by_role("link", name="Train a model").click()
    page.get_by_label("Description").fill("quiet")
    page.locator("#id_target").select_option("species")
    page.locator("#id_algorithm").select_option("GaussianNB")
    page.get_by_role("button", name="Update the form").click()
    expect(page.get_by_label("Description")).to_have_value("quiet")
    expect(page.get_by_text("Parameters of GaussianNB")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()

    opened = page.get_by_role("link", name="Open version 1")
    for _ in range(60):
        if opened.count():
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Reload").click()
    opened.click()
    page.get_by_label("Stage", exact=True).select_option("production")
    page.get_by_role("button", name="Promote version 1").click()
    expect(page.get_by_text("Version 1 is live in production.")).to_be_visible()
    page.goto("/serving/quiet_walk/production/")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator(".answer")).to_have_text(re.compile("tulip|rose"))
    expect(page.get_by_text("curl -X POST")).to_be_visible()


def test_an_invalid_parameter_keeps_the_input_and_gets_the_focus(visit, filled):
    page = visit()
    page.goto("/registry/train/?dataset=garden&target=species&algorithm=DecisionTreeClassifier")
    page.get_by_label("Description").fill("kept")
    page.get_by_text("Parameters of DecisionTreeClassifier").click()
    page.get_by_label("max_depth").fill("0")
    page.get_by_role("button", name="Train", exact=True).click()
    wrong = page.get_by_label("max_depth")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_value("0")
    expect(
        page.locator(".errorlist").get_by_text("max_depth of DecisionTreeClassifier must be")
    ).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("kept")


def test_a_prediction_comes_into_view_with_its_warnings_and_keeps_the_focus(visit, filled):
    page = visit(viewport={"width": 390, "height": 600})
    page.goto("/serving/garden/production/")
    page.get_by_label("length").fill("999")
    button = page.get_by_role("button", name="Predict", exact=True)
    button.click()
    expect(page.locator(".answer")).to_be_in_viewport(ratio=1)
    warning = page.locator("#answer").get_by_text("999 is outside the training range, 5 to 11.")
    expect(warning).to_be_in_viewport(ratio=1)
    expect(button).to_be_focused()


def test_rolling_back_requires_confirmation_also_on_a_phone(visit, filled):
    page = visit(viewport={"width": 390, "height": 844})
    page.goto("/serving/garden/dev/")
    page.get_by_text("Roll back", exact=True).click()
    page.get_by_label("Reason").fill("a test")
    page.get_by_role("button", name="Roll back dev").click()
    expect(page.get_by_role("heading", name="Roll back dev to version 1?")).to_be_visible()
    expect(page.get_by_text("Version 1 replaces version 2,")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("a test")
    page.get_by_role("button", name="Roll back dev").click()
    expect(page.get_by_text("Version 1 is live in dev again.")).to_be_visible()
    page.go_back()  # to the confirmation, which was not the response to a POST
    expect(page.get_by_text("Version 1 of garden is already live in dev.")).to_be_visible()


def submit_after_the_session_expired(page, button: str) -> None:
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_after_an_expired_session_a_form_is_as_it_was_and_asks_for_the_file_again(visit):
    page = visit()
    page.goto("/catalog/upload/")
    page.get_by_label("File").set_input_files(flowers("any"))
    submit_after_the_session_expired(page, "Upload")
    expect(page.get_by_text("Your input was restored. Select the file again")).to_be_visible()
    page.get_by_label("File").set_input_files(flowers("any"))
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Description").fill("kept words")
    submit_after_the_session_expired(page, "Add to the catalog")
    expect(page.get_by_text("Your input was restored.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("kept words")
    page.reload()
    expect(page.get_by_label("Description")).to_have_value("")


def test_after_an_expired_session_the_parameters_of_the_selected_algorithm_are_restored(visit, filled):
    page = visit()
    page.goto("/registry/train/?dataset=garden&target=species&algorithm=DecisionTreeClassifier")
    page.get_by_text("Parameters of DecisionTreeClassifier").click()
    page.get_by_label("max_depth").fill("0")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".errorlist").get_by_text("max_depth of DecisionTreeClassifier must be").wait_for()
    page.get_by_label("max_depth").fill("4")
    submit_after_the_session_expired(page, "Train")  # to the address of the form, which names no algorithm
    expect(page.get_by_label("max_depth")).to_have_value("4")


def test_the_theme_is_saved(visit):
    page = visit(color_scheme="light")
    root = page.locator("html")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(root).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 16, 20)"


def test_the_list_of_algorithms_works_with_the_keyboard(visit, filled):
    page = visit()
    page.goto("/registry/train/?dataset=garden&target=species")
    algorithm = search_field(page, "Algorithm")
    algorithm.focus()
    algorithm.press("ArrowDown")
    expect(page.get_by_role("option", name="RandomForestClassifier")).to_have_attribute(
        "aria-selected", "true"
    )
    algorithm.press("ArrowDown")
    algorithm.press("Enter")
    expect(algorithm).to_have_value("RidgeClassifier")
    expect(algorithm).to_be_focused()
    algorithm.press("ArrowDown")
    algorithm.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(algorithm).to_have_value("RidgeClassifier")


def test_an_exact_name_is_selected_before_longer_ones(visit, filled):
    page = visit()
    page.goto("/registry/train/?dataset=garden&target=species")
    algorithm = search_field(page, "Algorithm")
    for name, exact in (("svc", "SVC"), ("KMeans", "KMeans")):
        algorithm.fill(name)
        algorithm.press("Enter")
        expect(page.get_by_text(f"Parameters of {exact} (")).to_be_visible()
    algorithm.fill("nusvc")
    algorithm.press("Tab")
    expect(page.get_by_text("Parameters of NuSVC (")).to_be_visible()


def test_a_name_that_is_not_in_the_list_is_not_replaced_by_the_earlier_choice(visit, filled):
    page = visit()
    page.goto("/registry/train/?dataset=garden&target=species")
    algorithm = search_field(page, "Algorithm")
    algorithm.fill("LinearRegression")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(algorithm).to_have_value("LinearRegression")
    expect(algorithm).to_be_focused()
    assert algorithm.evaluate("input => input.validationMessage").startswith('"LinearRegression" is not in')
    assert "/registry/train/" in page.url
    algorithm.fill("SVC")
    assert algorithm.evaluate("input => input.validationMessage") == ""


def test_the_first_tab_stop_skips_to_the_content(visit):
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_list_is_filtered_in_place(visit, filled):
    page = visit()
    page.goto("/registry/models/")
    page.get_by_label("Dataset or algorithm contains").fill("Linear")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#results tbody tr")).to_have_count(1)
    assert "q=Linear" in page.url
    expect(page.get_by_label("Dataset or algorithm contains")).to_have_value("Linear")
