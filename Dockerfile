# Headlight for a school's own server. Build: docker build -t headlight .   Run: docker run -p 8050:8050 headlight
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    HOST=0.0.0.0 \
    PORT=8050

WORKDIR /srv/headlight
COPY requirements.txt ./
# The CPU build of PyTorch has no GPU packages; pass another index to use one: --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=""
RUN pip install --disable-pip-version-check ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt \
    && useradd --create-home --uid 10001 headlight \
    && install -d -o headlight data
COPY app.py ./
COPY assets assets
COPY components components
COPY utils utils
COPY scripts scripts
COPY models models
# A real model, so that a class without a network has one; --build-arg MODEL="" leaves it out.
ARG MODEL="HuggingFaceTB/SmolLM2-135M-Instruct"
RUN test -z "$MODEL" || (HEADLIGHT_DATA_DIR=/tmp/fetched python scripts/fetch_model.py --model "$MODEL" \
    && mv /tmp/fetched/models/* models/ && rm -r /tmp/fetched)

USER 10001
# Models that were fetched here, and catalogues of those that were analyzed; mount a volume to keep them.
VOLUME /srv/headlight/data
EXPOSE 8050
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health')"]
CMD ["sh", "-c", "exec gunicorn --workers 1 --threads 16 --timeout 120 --limit-request-line 8190 --bind \"$HOST:$PORT\" 'app:create_server()'"]
