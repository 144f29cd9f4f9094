from django.urls import include, path

from serving import api
from serving.protocols import http

urlpatterns = [
    path("predict", api.PredictView.as_view(), name="api-predict"),
    path("predict/file", api.PredictFileView.as_view()),
    path("predict/jobs", api.ScoringJobListView.as_view(), name="api-scoring-jobs"),
    path("predict/jobs/<int:pk>", api.ScoringJobView.as_view(), name="api-scoring-job"),
    path("predict/jobs/<int:pk>/result", api.ScoringResultView.as_view(), name="api-scoring-result"),
    path("predict/jobs/<int:pk>/cancel", api.CancelScoringJobView.as_view()),
    path("metrics", http.metrics),
    path("metrics/jobs", http.job_metrics),
    path("", include("serving.protocols.urls")),
]
