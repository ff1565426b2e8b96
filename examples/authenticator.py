"""A custom authenticator in Python: the same as `authenticator.rs`, in a few lines.

    pip install grpcio-tools
    python -m grpc_tools.protoc -I proto --python_out=. --grpc_python_out=. tollgate/authn/v1/authenticator.proto
    python examples/authenticator.py 127.0.0.1:50051 tokens.txt
"""

import sys
from concurrent import futures
from pathlib import Path

import grpc
from tollgate.authn.v1 import authenticator_pb2 as pb
from tollgate.authn.v1 import authenticator_pb2_grpc as rpc


class ByFile(rpc.AuthenticatorServicer):
    def __init__(self, tokens: Path) -> None:
        self.tokens = tokens

    def Authenticate(self, request, context):
        # An exception is an outage: Tollgate lets nobody in, and Envoy answers 503.
        lines = [line.split() for line in self.tokens.read_text().splitlines()]
        owners = {words[0]: words[1:] for words in lines if len(words) > 1}
        cache = pb.Cache(seconds=2, scope=pb.Cache.CREDENTIAL)
        if request.credential not in owners:
            refusal = pb.Refusal(kind=pb.Refusal.INVALID)
            return pb.AuthenticateResponse(refusal=refusal, cache=cache)
        user, *team = owners[request.credential]
        identity = pb.Identity(user_id=user, team_id="".join(team))
        return pb.AuthenticateResponse(identity=identity, cache=cache)

    def Validate(self, request, context):
        return pb.ValidateResponse(accepted=pb.Accepted())


if __name__ == "__main__":
    address, tokens = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_AuthenticatorServicer_to_server(ByFile(Path(tokens)), server)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()
