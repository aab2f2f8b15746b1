# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /app && /app/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY authserver authserver
COPY templates templates
COPY static static
COPY migrations migrations
COPY docs/connect docs/connect
# The package itself, without a build step: its parts where the wheel would put them, and its command.
RUN site="$(/app/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && cp -r authserver "$site/authserver" \
    && mkdir "$site/authserver/_assets" \
    && cp -r templates static migrations "$site/authserver/_assets/" \
    && mkdir "$site/authserver/_assets/docs" && cp -r docs/connect "$site/authserver/_assets/docs/" \
    && version="$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
    && mkdir "$site/authserver-$version.dist-info" \
    && printf 'Metadata-Version: 2.1\nName: authserver\nVersion: %s\n' "$version" > "$site/authserver-$version.dist-info/METADATA" \
    && printf '#!/app/bin/python\nimport sys\nfrom authserver.cli import main\nif __name__ == "__main__":\n    sys.exit(main())\n' > /app/bin/authserver \
    && chmod 755 /app/bin/authserver \
    && /app/bin/python -m compileall -q "$site/authserver"

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin authserver \
    && install -d -o authserver -g authserver -m 700 /data
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AUTHSERVER_HOST=0.0.0.0 \
    AUTHSERVER_DATA_DIR=/data \
    AUTHSERVER_LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s CMD ["authserver", "healthcheck"]
CMD ["authserver", "serve"]
