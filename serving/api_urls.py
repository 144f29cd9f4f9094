from django.urls import path

from serving import api
from serving.protocols import http

urlpatterns = [
    path("predict", api.PredictView.as_view(), name="api-predict"),
    path("predict/file", api.PredictFileView.as_view()),
    path("predict/jobs", api.ScoringJobListView.as_view()),
    path("predict/jobs/<int:pk>", api.ScoringJobView.as_view(), name="api-scoring-job"),
    path("predict/jobs/<int:pk>/result", api.ScoringResultView.as_view(), name="api-scoring-result"),
    path("predict/jobs/<int:pk>/cancel", api.CancelScoringJobView.as_view()),
    path("invocations", http.invoke),
    path("metrics", http.metrics),
    path("version", http.version),
    path("v1/models", http.v2_models),
    path("v1/models/<str:model>:predict", http.v1_predict),
    path("v1/models/<str:model>", http.v2_ready),
    path("v2", http.v2_server),
    path("v2/models", http.v2_models),
    path("v2/models/<str:model>", http.v2_model),
    path("v2/models/<str:model>/ready", http.v2_ready),
    path("v2/models/<str:model>/infer", http.v2_infer),
    path("v2/models/<str:model>/versions/<str:version>", http.v2_model),
    path("v2/models/<str:model>/versions/<str:version>/ready", http.v2_ready),
    path("v2/models/<str:model>/versions/<str:version>/infer", http.v2_infer),
]
