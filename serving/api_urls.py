from django.urls import path

from serving import api

urlpatterns = [path("predict", api.PredictView.as_view())]
