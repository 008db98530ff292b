#!/usr/bin/python3
"""Replay what a fluxion service has recorded (fluxion --record=FILE) on another one.

    fluxion --port=4243 &
    replay.py record --host=localhost:4243

Each call is made again, in order, one after the other; the first answer that is not the
recorded one ends it, with status 1. The ids of jobs may be others: a service counts on.
"""

import argparse
import json
import sys

import grpc

from client import FluxionClient, pb


class Replay:
    def __init__(self, client):
        self.client = client
        self.jobids = {}  # by recorded id

    def make(self, method, request, response):
        return self.client.call(method, request, response)

    def init(self, e, graph):
        request = pb.InitRequest(policy=e["policy"], jgf=e["jgf"], graph=graph)
        self.make("Init", request, pb.InitResponse)

    def ask(self, e, graph):
        request = pb.MatchRequest(
            jobspec=e["jobspec"], reservation=e["reservation"], graph=graph
        )
        return self.make("Match", request, pb.MatchResponse)

    def match(self, e, graph):
        answer = self.ask(e, graph)
        for key in ("allocation", "reserved", "at"):
            if getattr(answer, key) != e[key]:
                raise ValueError(f"job {e['jobid']}: {key}: {getattr(answer, key)!r}")
        self.jobids[e["jobid"]] = answer.jobid

    def match_failed(self, e, graph):
        try:
            answer = self.ask(e, graph)
        except grpc.RpcError as error:
            if error.details() == "Allocation was not possible":
                return
            raise
        raise ValueError(f"a job got what was not there: {answer.allocation!r}")

    def cancel(self, e, graph):
        jobid = self.jobids.pop(e["jobid"], None)
        if jobid:  # else there was none
            request = pb.CancelRequest(jobID=jobid, graph=graph)
            self.make("Cancel", request, pb.CancelResponse)

    def partial_cancel(self, e, graph):
        request = pb.PartialCancelRequest(
            jobid=self.jobids.get(e["jobid"], 0), R=e["R"], noent_ok=True, graph=graph
        )
        self.make("PartialCancel", request, pb.PartialCancelResponse)

    def grow(self, e, graph):
        request = pb.GrowRequest(subgraph=e["subgraph"], graph=graph)
        self.make("Grow", request, pb.GrowResponse)

    def shrink(self, e, graph):
        request = pb.ShrinkRequest(path=e["path"], graph=graph)
        self.make("Shrink", request, pb.ShrinkResponse)

    def drop(self, e, graph):
        self.make("Drop", pb.DropRequest(graph=graph), pb.DropResponse)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("record")
    p.add_argument("--host", default="localhost:4242")
    p.add_argument("--tls-ca", help="PEM file of the CA that signed the server")
    args = p.parse_args()

    n = 0
    try:
        replay = Replay(FluxionClient(args.host, args.tls_ca, timeout=60))
        with open(args.record, encoding="utf-8") as f:
            for n, line in enumerate(f, 1):
                e = json.loads(line)
                getattr(replay, e["op"].replace("-", "_"))(e, e.get("graph", ""))
    except grpc.RpcError as error:
        sys.exit(f"{args.record}: line {n}: {error.code().name}: {error.details()}")
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        sys.exit(f"{args.record}: line {n}: {error}")
    print(f"{n} calls, and the same answers")


if __name__ == "__main__":
    main()
