"""A custom authenticator in Python: the same as `authenticator.rs`, in a few lines.

    pip install grpcio-tools
    mkdir -p generated
    python -m grpc_tools.protoc -I proto --python_out=generated --grpc_python_out=generated \
        tollgate/authn/v1/authenticator.proto
    PYTHONPATH=generated python examples/authenticator.py --listen 127.0.0.1:50051 --tokens tokens.txt
"""

import argparse
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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:50051", help="`127.0.0.1:0` takes a free port and prints it")
    parser.add_argument("--tokens", type=Path, required=True, help="the file of tokens")
    parser.add_argument("--certificate", type=Path, help="in PEM; with it, TLS is spoken")
    parser.add_argument("--key", type=Path, help="of the certificate, in PEM")
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_AuthenticatorServicer_to_server(ByFile(asked.tokens), server)
    if asked.certificate:
        pair = (asked.key.read_bytes(), asked.certificate.read_bytes())
        port = server.add_secure_port(asked.listen, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(asked.listen)
    server.start()
    print(f"listening on {asked.listen.rpartition(':')[0]}:{port}", flush=True)
    server.wait_for_termination()
