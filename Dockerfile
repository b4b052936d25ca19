# syntax=docker/dockerfile:1

# --- The GraphiQL page ---------------------------------------------------------------------------------------
FROM node:24-slim AS page
WORKDIR /page
COPY graphiql/package.json graphiql/package-lock.json ./
RUN --mount=type=cache,target=/npm-cache npm ci --cache=/npm-cache --no-audit --no-fund
COPY graphiql/ ./
RUN npm run build

# --- The packages, and Kith itself, in a virtual environment --------------------------------------------------
FROM python:3.13-slim AS packages
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements-runtime.lock ./
RUN --mount=type=cache,target=/pip-cache pip install --cache-dir=/pip-cache --require-hashes --requirement requirements-runtime.lock
COPY pyproject.toml README.md ./
COPY api ./api
COPY crm ./crm
COPY stack ./stack
COPY workers ./workers
RUN pip install --no-deps --no-build-isolation --editable . \
    && python -m compileall -q api crm stack workers \
    && python -m stack.lean

# --- What runs -----------------------------------------------------------------------------------------------
FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/kith kith \
    && install --directory --owner=kith --group=kith /var/lib/kith
COPY --from=packages /venv /venv
COPY --from=packages /app /app
COPY --from=page /page/dist /app/graphiql/dist
# The preview of an import keeps in the volume what it does not keep in memory: /tmp may be memory, too.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    KITH_HOME=/var/lib/kith \
    STORAGE_URL=file:///var/lib/kith \
    SQLITE_TMPDIR=/var/lib/kith
USER kith
WORKDIR /var/lib/kith
VOLUME /var/lib/kith
EXPOSE 8000
CMD ["kith", "api", "--host", "0.0.0.0", "--port", "8000"]
