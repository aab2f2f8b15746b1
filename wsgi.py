"""For any WSGI server: `gunicorn wsgi:app --no-control-socket`."""

from authserver import config, create_app
from authserver.observability import logs, metrics

logs.write_behind(dropped=metrics.LOG_LINES_DROPPED.inc)
settings = config.load()
app = create_app(settings)

with config.using(settings):
    from authserver.domain.running import schema

    schema.ensure()
