#!/bin/sh
# Build the Go client with Debian's golang-google-grpc-dev: no module proxy.
# usage: build-go.sh PROTO OUTPUT WORKDIR COMMAND (client, load or cases)
set -e
here=$(cd "$(dirname "$0")" && pwd)
proto=$1 output=$2 work=$3
mkdir -p "$work/src/fluxion/proto"
protoc --go_out=plugins=grpc,paths=source_relative:"$work/src/fluxion/proto" \
    -I"$(dirname "$proto")" "$proto"
export GO111MODULE=off GOFLAGS= GOCACHE="$work/cache" \
    GOPATH="$here/go:$work:/usr/share/gocode"
go build -o "$output" "fluxion/cmd/${4:-client}"
