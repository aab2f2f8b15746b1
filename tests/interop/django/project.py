"""A Django project of one file: what `django-admin startproject` makes, and a page that shows who is signed in."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

HERE = Path.cwd()
EXTRA = os.environ["PROJECT_USES"]
sys.path.insert(0, str(HERE))
os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"

SETTINGS = """
from connect_settings import *
from pathlib import Path
SECRET_KEY = "for this run alone"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project_urls"
LOGIN_REDIRECT_URL = "/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                  "django.contrib.messages"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
              "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
              "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": ["django.template.context_processors.request",
                           "django.contrib.auth.context_processors.auth",
                           "django.contrib.messages.context_processors.messages"]}}]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
"""
USES = {
    "allauth": """
INSTALLED_APPS += ["allauth", "allauth.account", "allauth.socialaccount",
                   "allauth.socialaccount.providers.openid_connect"]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS += ["allauth.account.auth_backends.AuthenticationBackend"]
""",
    "mozilla": """
INSTALLED_APPS += ["mozilla_django_oidc"]
AUTHENTICATION_BACKENDS += ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
""",
    "social": """
INSTALLED_APPS += ["social_django"]
AUTHENTICATION_BACKENDS += ["social_core.backends.open_id_connect.OpenIdConnectAuth"]
""",
}
PATHS = {
    "allauth": 'path("accounts/", include("allauth.urls"))',
    "mozilla": 'path("oidc/", include("mozilla_django_oidc.urls"))',
    "social": 'path("", include("social_django.urls", namespace="social"))',
}
URLS = f"""
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path

def button(request):
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{{get_token(request)}}">'
    return HttpResponse(f'<form method="post" action="/login/oidc/">{{hidden}}<button>Sign in</button></form>')

def sign_out(request):
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{{get_token(request)}}">'
    return HttpResponse(f'<form method="post" action="/oidc/logout/">{{hidden}}<button>Sign out</button></form>')

def whoami(request):
    user = request.user
    return JsonResponse({{"signed_in": user.is_authenticated, "username": user.get_username(),
                         "email": getattr(user, "email", ""), "name": user.get_full_name() if user.pk else ""}})

urlpatterns = [path("", whoami), path("button", button), path("sign-out", sign_out),
               {PATHS[EXTRA]}]
"""
(HERE / "project_settings.py").write_text(SETTINGS + USES[EXTRA])
(HERE / "project_urls.py").write_text(URLS)
execute_from_command_line(["manage.py", *sys.argv[1:]])
