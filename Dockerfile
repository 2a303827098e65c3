# The container of Rowan: one static binary and the certificate authorities of the web, as a user without rights, on a
# root that can be read-only. docs/deploy/README.md says how to run it.
#
#   docker build --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" --tag rowan .
#
# The same source, Go, VERSION and REVISION give the same bytes; for a release name the image of Go by its digest:
# --build-arg GO_IMAGE=golang:1.26.8-bookworm@sha256:…
# .ci/binary runs what RUN says here, without an engine for containers, on every change.
ARG GO_IMAGE=golang:1.26-bookworm

FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build
WORKDIR /src
COPY . .
ARG VERSION=unknown
ARG REVISION=
ARG TARGETOS=linux
ARG TARGETARCH=amd64
RUN --mount=type=cache,target=/go/pkg/mod \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} make binary "VERSION=${VERSION}" "REVISION=${REVISION}"
RUN install -d -m 0700 bin/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/rowan /rowan
COPY --from=build --chown=65532:65532 /src/bin/state /var/lib/rowan
ENV XDG_STATE_HOME=/var/lib
USER 65532:65532
VOLUME /var/lib/rowan
EXPOSE 8443
HEALTHCHECK --interval=10s --timeout=5s CMD ["/rowan", "ready", "https://127.0.0.1:8443"]
ENTRYPOINT ["/rowan"]
CMD ["--help"]
