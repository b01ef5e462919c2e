# The production programs of kyso: /worker and /starter (serve, migrate and the command line). Neither contains the
# development world. Configuration comes from the environment, secrets from files (internal/app.Config).
#
#   docker build --tag kyso .
#   docker run --env-file kyso.env kyso /worker
#   docker run --env-file kyso.env --publish 8680:8680 kyso /starter serve
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ ./worker ./starter

# Certificates and time zones, no shell; runs as uid 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/worker /out/starter /
CMD ["/worker"]
