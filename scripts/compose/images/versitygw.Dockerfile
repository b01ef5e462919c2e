# The last stage of versity/versitygw's own Dockerfile, over a program that was built outside.
ARG ALPINE_TAG
FROM alpine:${ALPINE_TAG}
COPY versitygw docker-entrypoint.sh /usr/local/bin/
RUN mkdir -p /tmp/vgw && chmod +x /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]
