# Two stages: a static binary without cgo, and nothing else in the image but it, certificates and time zones.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /plumbline ./cmd/plumbline

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /plumbline /plumbline
USER 65532:65532
WORKDIR /var/lib/plumbline
VOLUME /var/lib/plumbline
EXPOSE 8080
ENTRYPOINT ["/plumbline"]
CMD ["serve"]
