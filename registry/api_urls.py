from django.urls import path

from registry import api, release_api
from registry.cards import api as cards_api
from registry.comparison import api as comparison_api
from registry.estimators import api as algorithms_api
from registry.imports.api import ImportView
from registry.jobs import api as jobs_api
from registry.jobs import evaluation_api, group_api
from registry.jobs.learning_curves.api import LearningCurveView
from registry.releases import api as releases_api

urlpatterns = [
    path("train", jobs_api.TrainView.as_view(), name="api-train"),
    path("jobs", jobs_api.JobListView.as_view(), name="api-jobs"),
    path("jobs/<int:pk>", jobs_api.JobView.as_view(), name="api-job"),
    path("jobs/<int:pk>/log", jobs_api.JobLogView.as_view()),
    path("jobs/<int:pk>/cancel", jobs_api.CancelJobView.as_view()),
    path("jobs/<int:pk>/retry", jobs_api.RetryJobView.as_view()),
    path("groups", group_api.GroupListView.as_view(), name="api-groups"),
    path("groups/<int:pk>", group_api.GroupView.as_view(), name="api-group"),
    path("groups/<int:pk>/trials", group_api.TrialListView.as_view(), name="api-trials"),
    path("groups/<int:pk>/cancel", group_api.CancelGroupView.as_view()),
    path("algorithms", algorithms_api.AlgorithmListView.as_view()),
    path("algorithms/<str:name>", algorithms_api.AlgorithmView.as_view()),
    path("models", api.ModelListView.as_view(), name="api-models"),
    path("models/import", ImportView.as_view()),
    path("models/compare", comparison_api.CompareView.as_view()),
    path("models/compare/predictions", comparison_api.ComparePredictionsView.as_view()),
    path("models/<str:dataset>/<int:version>", api.ModelView.as_view(), name="api-model"),
    path("models/<str:dataset>/<int:version>/favourite", api.FavouriteModelView.as_view()),
    path("models/<str:dataset>/<int:version>/artifact", api.ArtifactView.as_view(), name="api-artifact"),
    path("models/<str:dataset>/<int:version>/card", cards_api.CardView.as_view(), name="api-card"),
    path(
        "models/<str:dataset>/<int:version>/card.md",
        cards_api.CardDocumentView.as_view(),
        name="api-card-document",
    ),
    path("models/<str:dataset>/<int:version>/card/revisions", cards_api.CardRevisionListView.as_view()),
    path("models/<str:dataset>/<int:version>/retrain", jobs_api.RetrainView.as_view()),
    path("models/<str:dataset>/<int:version>/evaluate", evaluation_api.EvaluateView.as_view()),
    path(
        "models/<str:dataset>/<int:version>/evaluations",
        evaluation_api.EvaluationListView.as_view(),
        name="api-evaluations",
    ),
    path("models/<str:dataset>/<int:version>/diagnostics", evaluation_api.DiagnosticsView.as_view()),
    path("models/<str:dataset>/<int:version>/fairness", evaluation_api.FairnessView.as_view()),
    path("models/<str:dataset>/<int:version>/learning-curve", LearningCurveView.as_view()),
    path("evaluations/<int:pk>", evaluation_api.EvaluationView.as_view(), name="api-evaluation"),
    path("evaluations/<int:pk>/cancel", evaluation_api.CancelEvaluationView.as_view()),
    path("releases", releases_api.ReleaseListView.as_view(), name="api-releases"),
    path("promote", release_api.PromoteView.as_view()),
    path("rollback", release_api.RollbackView.as_view()),
    path("retire", release_api.RetireView.as_view()),
]
