"""Client certificates: who the other end of a TLS connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from milagro.errors import MalformedEnvelope


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a verified client certificate says. TLS has checked its chain and its time before this is made."""

    subject: str
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    fingerprint: str

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The certificate's subject (RFC 4514), names, and SHA-256 in hexadecimal.

        Raises: MalformedEnvelope
        """
        try:
            return cls._read(x509.load_pem_x509_certificate(pem))
        except (ValueError, TypeError) as error:
            raise MalformedEnvelope("the client's certificate cannot be read") from error

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """The same of a certificate in DER.

        Raises: MalformedEnvelope
        """
        try:
            return cls._read(x509.load_der_x509_certificate(der))
        except (ValueError, TypeError) as error:
            raise MalformedEnvelope("the client's certificate cannot be read") from error

    @classmethod
    def _read(cls, certificate: x509.Certificate) -> Self:
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = x509.SubjectAlternativeName([])
        return cls(
            subject=certificate.subject.rfc4514_string(),
            dns_names=tuple(names.get_values_for_type(x509.DNSName)),
            uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        )
