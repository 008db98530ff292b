#!/usr/bin/python3
"""Client of the fluxion service: load a graph, match a jobspec, cancel the job.

Needs Debian's python3-grpcio and python3-protobuf, and fluxion_pb2.py, which
`make fluxion-python` generates from proto/fluxion.proto.
"""

import argparse
import os
import sys
import time

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.environ.get("FLUXION_PB2", HERE))
import fluxion_pb2 as pb  # noqa: E402


class FluxionClient:
    """The methods of fluxion.FluxionService; texts or paths of files."""

    def __init__(self, host="localhost:4242", ca=None, timeout=10):
        if ca:
            with open(ca, "rb") as f:
                creds = grpc.ssl_channel_credentials(f.read())
            self.channel = grpc.secure_channel(host, creds)
        else:
            self.channel = grpc.insecure_channel(host)
        self.timeout = timeout

    def call(self, method, request, response):
        stub = self.channel.unary_unary(
            "/fluxion.FluxionService/" + method,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return stub(request, timeout=self.timeout)

    @staticmethod
    def text(value):
        if value and os.path.exists(value):
            with open(value, encoding="utf-8") as f:
                return f.read()
        return value

    def init(self, jgf, policy=""):
        jgf = self.text(jgf)
        if not jgf:
            raise ValueError("Loaded cluster nodes are required")
        return self.call("Init", pb.InitRequest(jgf=jgf, policy=policy), pb.InitResponse)

    def match(self, jobspec, reservation=False):
        jobspec = self.text(jobspec)
        if not jobspec:
            raise ValueError("A jobspec is required")
        request = pb.MatchRequest(
            jobspec=jobspec, request="allocate", reservation=reservation
        )
        return self.call("Match", request, pb.MatchResponse)

    def cancel(self, jobid):
        if not jobid:
            raise ValueError("A jobid is required")
        return self.call("Cancel", pb.CancelRequest(jobID=jobid), pb.CancelResponse)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--host", default="localhost:4242")
    p.add_argument("--jobspec", default=os.path.join(HERE, "jobspec.yaml"))
    p.add_argument("--cluster-nodes", default=os.path.join(HERE, "cluster-nodes.json"))
    p.add_argument("--policy", default="")
    p.add_argument("--tls-ca", help="PEM file of the CA that signed the server")
    p.add_argument("--wait", type=float, default=3, help="seconds before cancel")
    args = p.parse_args()

    client = FluxionClient(args.host, args.tls_ca)
    try:
        response = client.init(args.cluster_nodes, args.policy)
        if response.status != pb.InitResponse.INIT_SUCCESS:
            sys.exit(f"Issue with init, return code {response.status}")
        print("✅️ Init of Fluxion resource graph success!")
        response = client.match(args.jobspec)
        if response.status != pb.MatchResponse.MATCH_SUCCESS:
            sys.exit(f"Issue with match, return code {response.status}")
        print(response)
        print("✅️ Match of jobspec to Fluxion graph success!")
        jobid = response.jobid
        print(f"😴️ Sleeping for {args.wait:g} seconds before cancel...", flush=True)
        time.sleep(args.wait)
        response = client.cancel(jobid)
        if response.status != pb.CancelResponse.CANCEL_SUCCESS:
            sys.exit(f"Issue with cancel, return code {response.status}")
        print(f"✅️ Cancel of jobid {jobid} success!")
        print("👋️ That's all folks!")
    except grpc.RpcError as e:
        sys.exit(f"fluxion at {args.host}: {e.code().name}: {e.details()}")
    except (ValueError, OSError) as e:
        sys.exit(f"client.py: {e}")


if __name__ == "__main__":
    main()
