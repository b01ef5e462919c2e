# The production programs of kyso: /worker and /starter (serve, migrate and the command line). Neither contains the
# development world. Configuration comes from the environment, secrets from files (internal/app.Config).
#
#   docker build --tag kyso .
#   docker run --env-file kyso.env kyso /worker
#   docker run --env-file kyso.env --publish 8680:8680 kyso /starter serve
FROM node:22-bookworm-slim AS pages
WORKDIR /src/internal/web/ui
COPY internal/web/ui/package.json internal/web/ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY internal/web/ui ./
RUN node build.mjs

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=pages /src/internal/web/dist internal/web/dist
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ ./worker ./starter

# Certificates and time zones, no shell; runs as uid 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/worker /out/starter /
CMD ["/worker"]
