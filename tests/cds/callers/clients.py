"""The CDS clients of the table of attacks, beside the plain one of `tokens`."""

from __future__ import annotations

from joserfc.jwk import ECKey, RSAKey

EPIC = "https://epic.hospital.example/FHIR/R4"
EPIC_KEY = RSAKey.generate_key(2048, {"kid": "q1+Zr/8bW3m4xQ=="})
TENANTS = "https://many.example"
INFERNO = "https://inferno.example/custom/crd_server"
INFERNO_EC = ECKey.generate_key("P-384", {"kid": "inferno-es384"})
INFERNO_RSA = RSAKey.generate_key(2048, {"kid": "inferno-rs384"})
TYPED = "https://cds.typed.by.hand.example"
