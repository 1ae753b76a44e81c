# The command, with what it needs at run time and nothing else.
FROM swift:6.2-bookworm AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libcurl4-openssl-dev libhiredis-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product refrain --static-swift-stdlib \
    && install -D "$(swift build -c release --static-swift-stdlib --show-bin-path)/refrain" /out/refrain

FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates curl libcurl4 libhiredis0.14 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home refrain
COPY --from=build /out/refrain /usr/local/bin/refrain
USER refrain
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s CMD ["curl", "-fsS", "http://127.0.0.1:8787/healthz"]
# Reached from outside the container, so the admin surface is shut unless REFRAIN_ADMIN_TOKEN is set.
ENTRYPOINT ["refrain", "serve", "--host", "0.0.0.0"]
