from django.urls import path

from registry import api, release_api

urlpatterns = [
    path("train", api.TrainView.as_view()),
    path("jobs", api.JobListView.as_view()),
    path("jobs/<int:pk>", api.JobView.as_view(), name="api-job"),
    path("jobs/<int:pk>/log", api.JobLogView.as_view()),
    path("jobs/<int:pk>/cancel", api.CancelJobView.as_view()),
    path("jobs/<int:pk>/retry", api.RetryJobView.as_view()),
    path("models", api.ModelListView.as_view()),
    path("models/<str:dataset>/<int:version>", api.ModelView.as_view(), name="api-model"),
    path("models/<str:dataset>/<int:version>/artifact", api.ArtifactView.as_view(), name="api-artifact"),
    path("models/<str:dataset>/<int:version>/retrain", api.RetrainView.as_view()),
    path("promote", release_api.PromoteView.as_view()),
    path("rollback", release_api.RollbackView.as_view()),
    path("retire", release_api.RetireView.as_view()),
]
