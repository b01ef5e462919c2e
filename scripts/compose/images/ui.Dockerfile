# The last stage of temporalio/ui-server's own Dockerfile, over a program that was built outside.
ARG ALPINE_TAG
FROM alpine:${ALPINE_TAG}
WORKDIR /home/ui-server
RUN addgroup -g 1000 temporal && adduser -u 1000 -G temporal -D temporal && mkdir ./config
COPY --chown=temporal:temporal ui-server start-ui-server.sh ./
COPY --chown=temporal:temporal docker.yaml ./config/docker.yaml
USER temporal
EXPOSE 8080
ENTRYPOINT ["./start-ui-server.sh"]
