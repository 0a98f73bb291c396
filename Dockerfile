# The REST API (or the page) with the embedded model. See docs/serving.md.
ARG BASE=python:3.12-slim
FROM ${BASE}

# An index with other builds of PyTorch, such as its own one of CPU builds: gigabytes less than the usual build.
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH

# Images of CUDA come without Python.
RUN python3 -c "import ensurepip, venv" 2>/dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*)
RUN python3 -m venv /opt/venv

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN if [ -n "$TORCH_INDEX" ]; then pip install "torch>=2.6,<2.14" --index-url "$TORCH_INDEX"; fi \
    && pip install -c constraints.txt ".[app]"

RUN useradd --create-home --uid 10001 fyc
USER fyc
WORKDIR /home/fyc
EXPOSE 7861
# With FYC_AUTH set, 401 is an answer too: the server lives.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD \
    python3 -c "import sys, httpx; sys.exit(httpx.get('http://127.0.0.1:7861/v1/health').status_code not in (200, 401))"
ENTRYPOINT ["fyc"]
CMD ["serve", "--host", "0.0.0.0", "--port", "7861"]
