from django.urls import path

from serving import views

app_name = "serving"

urlpatterns = [
    path("serving/", views.live, name="live"),
    path("serving/<str:dataset>/<str:environment>/", views.slot, name="slot"),
    path("serving/<str:dataset>/<str:environment>/file/", views.score, name="score"),
    path("serving/<str:dataset>/<str:environment>/rollback/", views.rollback, name="rollback"),
]
