"""For any WSGI server: `gunicorn wsgi:app --no-control-socket`."""

import atexit

from authserver import config, create_app
from authserver.lib import clock
from authserver.observability import logs, metrics

logs.write_behind(dropped=metrics.LOG_LINES_DROPPED.inc)
clock.hold()
settings = config.load()
app = create_app(settings)

with config.using(settings):
    from authserver.domain.ground import timekeeping
    from authserver.domain.running import schema, telemetry

    schema.ensure()
    atexit.register(telemetry.begin())
    timekeeping.learn()
