# The programs of kyso. Target kyso (the default of "docker build") is for production: /kyso-worker, /kyso (serve, migrate and
# the command line) and /kyso-pdf (reads PDF files for both), without the development world. Target sandbox is the stand-in of the outside parties, for docker-compose.yml.
# Configuration comes from the environment, secrets from files (internal/config.Config).
#
#   docker build --tag kyso --target kyso .
#   docker run --env-file kyso.env kyso /kyso-worker
#   docker run --env-file kyso.env --publish 8680:8680 kyso /kyso serve
FROM node:22.22.2-bookworm-slim AS pages
WORKDIR /src/internal/web/ui
COPY internal/web/ui/package.json internal/web/ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY internal/web/ui ./
RUN node build.mjs

FROM golang:1.26.10-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
COPY starter/dev/trim starter/dev/trim
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=pages /src/internal/web/dist internal/web/dist
ENV CGO_ENABLED=0

FROM source AS build
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags=-s -o /out/kyso-worker ./worker && \
    go build -trimpath -ldflags=-s -o /out/kyso-pdf ./internal/pdfchild/kyso-pdf && \
    go build -trimpath -ldflags=-s -o /out/kyso ./starter && mkdir /out/audit

FROM source AS build-dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags=-s -o /out/kyso-dev ./starter/dev && mkdir /out/world

# What the programs find besides themselves: the certificates of public CAs, and /tmp. No shell, and no time zones: kyso
# reckons in GMT+7 by itself.
FROM source AS root
RUN install -D -m 644 /etc/ssl/certs/ca-certificates.crt /root-of-image/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 1777 /root-of-image/tmp

FROM scratch AS sandbox
COPY --from=root /root-of-image /
COPY --from=build /out/kyso /
COPY --from=build-dev /out/kyso-dev /
COPY --from=build-dev --chown=65532:65532 /out/world /world
USER 65532:65532
CMD ["/kyso-dev", "sandbox", "--data", "/world"]

FROM scratch AS kyso
COPY --from=root /root-of-image /
COPY --from=build /out/kyso-worker /out/kyso /out/kyso-pdf /
COPY --from=build --chown=65532:65532 /out/audit /audit
USER 65532:65532
CMD ["/kyso-worker"]
