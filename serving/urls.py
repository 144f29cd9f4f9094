from django.urls import path

from serving import release_views, views

app_name = "serving"

urlpatterns = [
    path("serving/", views.live, name="live"),
    path("serving/jobs/", views.job_list, name="jobs"),
    path("serving/jobs/<int:pk>/", views.job, name="job"),
    path("serving/jobs/<int:pk>/cancel/", views.cancel_job, name="cancel-job"),
    path("serving/jobs/<int:pk>/delete/", views.delete_job, name="delete-job"),
    path("serving/jobs/<int:pk>/result/", views.result, name="result"),
    path("serving/<str:dataset>/versions/<int:version>/", views.version, name="version"),
    path("serving/<str:dataset>/<str:environment>/", views.stage, name="stage"),
    path("serving/<str:dataset>/<str:environment>/file/", views.score, name="score"),
    path("serving/<str:dataset>/<str:environment>/rollback/", release_views.rollback, name="rollback"),
    path("serving/<str:dataset>/<str:environment>/retire/", release_views.retire, name="retire"),
]
