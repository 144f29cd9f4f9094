from django.urls import path

from registry import views
from registry.cards import views as card_views
from registry.comparison import views as comparison_views
from registry.discovery import views as discovery_views
from registry.imports import views as import_views
from registry.jobs import group_views
from registry.jobs import views as jobs_views
from registry.releases import views as release_views
from registry.train_form import views as train_views

app_name = "registry"

urlpatterns = [
    path("train/", train_views.train, name="train"),
    path("jobs/", jobs_views.job_list, name="jobs"),
    path("jobs/<int:pk>/", jobs_views.job, name="job"),
    path("groups/", group_views.group_list, name="groups"),
    path("groups/<int:pk>/", group_views.group, name="group"),
    path("models/", views.model_list, name="models"),
    path("releases/", release_views.release_list, name="releases"),
    path("models/import/", import_views.import_page, name="import"),
    path("models/compare/", comparison_views.compare, name="compare"),
    path("models/compare/predictions/", comparison_views.compare_predictions, name="compare-predictions"),
    path("models/tag-selected/", discovery_views.tag_models, name="tag-models"),
    path("models/delete-selected/", discovery_views.delete_models, name="delete-models"),
    path("models/<str:dataset>/<int:version>/", views.model, name="model"),
    path("models/<str:dataset>/<int:version>/card/", card_views.card, name="card"),
    path("models/<str:dataset>/<int:version>/card/edit/", card_views.edit_card, name="edit-card"),
    path("models/<str:dataset>/<int:version>/favourite/", views.favourite_model, name="favourite-model"),
    path("models/<str:dataset>/<int:version>/promote/", views.promote, name="promote"),
    path(
        "models/<str:dataset>/<int:version>/promote/predictions/",
        views.changed_predictions,
        name="changed-predictions",
    ),
    path("models/<str:dataset>/<int:version>/retrain/", jobs_views.retrain, name="retrain"),
    path("models/<str:dataset>/<int:version>/evaluate/", jobs_views.evaluate, name="evaluate"),
    path("models/<str:dataset>/<int:version>/fairness/", views.fairness, name="fairness"),
    path("models/<str:dataset>/<int:version>/diagnose/", jobs_views.diagnose, name="diagnose"),
    path(
        "models/<str:dataset>/<int:version>/learning-curve/",
        jobs_views.compute_learning_curve,
        name="learning-curve",
    ),
    path("models/<str:dataset>/<int:version>/diagnostics/", views.diagnostics, name="diagnostics"),
    path("models/<str:dataset>/<int:version>/evaluations/", views.evaluations, name="evaluations"),
    path(
        "models/<str:dataset>/<int:version>/learning-curve/plot/",
        views.learning_curve_part,
        name="learning-curve-part",
    ),
    path("models/<str:dataset>/<int:version>/delete/", views.delete_model, name="delete-model"),
]
