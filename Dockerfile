# One image for the web server (the default command), the training worker (python manage.py worker)
# and the preparation of a new or upgraded installation (python manage.py bootstrap).
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
# Optional frameworks: docker build --build-arg EXTRAS=xgboost,lightgbm
ARG EXTRAS=""
COPY requirements*.txt ./
# Wheels only: the slim image has no compiler, and a build from source would fail after an hour.
RUN /opt/venv/bin/pip install --only-binary :all: --requirement requirements.txt \
    $(printf '%s' "$EXTRAS" | tr ',' '\n' | sed 's/.*/--requirement requirements-&.txt/')
# PyTorch, which Keras needs too, is in no lock: its builds differ by device. The index of one is a build argument.
ARG PIP_EXTRA_INDEX_URL
RUN case ",$EXTRAS," in *,torch,*|*,keras,*) /opt/venv/bin/pip install --only-binary :all: torch==2.13.0;; esac


FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

ARG EXTRAS=""
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
# LightGBM takes OpenMP from the system; the other packages bring their own.
RUN case ",$EXTRAS," in *,lightgbm,*) apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*;; esac
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent platform \
    && install --directory --mode 0700 --owner platform --group platform /var/lib/ml-mini-platform
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . ./
RUN DATA_DIR=/tmp/build python manage.py collectstatic --no-input \
    && python -m compileall -q . \
    && rm -rf /tmp/build

# `docker run IMAGE serve`: predictions alone, on port 8080, as SageMaker starts a container.
RUN printf '#!/bin/sh\nexec python /app/manage.py serve\n' > /usr/local/bin/serve && chmod 755 /usr/local/bin/serve

# SECRET_KEY is required from here on: all replicas need the same key.
ENV DEBUG=False HOST=0.0.0.0 PORT=8000 DATA_DIR=/var/lib/ml-mini-platform
USER platform
VOLUME /var/lib/ml-mini-platform
EXPOSE 8000 8080
# The ports of the web server and of `serve`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD python mlplatform/web/probe.py "$PORT" 8080
CMD ["python", "-m", "mlplatform.web"]
