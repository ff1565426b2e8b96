"""Certificates of authorities that live for a test."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificate(directory: Path, name: str, *, authority: str | None = None, san: str = "DNS:localhost") -> None:
    """A key and a certificate, signed by an authority, or an authority."""
    # Who serves must be no authority: rustls refuses those.
    extensions = [f"subjectAltName={san}", "basicConstraints=critical,CA:FALSE"] if authority else ["basicConstraints=critical,CA:TRUE"]
    signer = ["-CA", f"{authority}.crt", "-CAkey", f"{authority}.key"] if authority else []
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
    added = [word for extension in extensions for word in ("-addext", extension)]
    subprocess.run([*command, *files, *added, *signer], cwd=directory, check=True, capture_output=True)
