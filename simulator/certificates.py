"""Certificates for mutual TLS: an authority, the network's own, and the client's.

They stay in their folder from one start to the next, so that a client goes on with a network that was away.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GOOD_FOR = timedelta(days=30)
AT_LEAST = timedelta(days=7)
"""Those that are not good for that long are made anew."""
HOST = "127.0.0.1"


class Certificates(NamedTuple):
    """The files: each side has its key and its certificate, and both know the authority."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


class _Issuer(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def kept(folder: Path) -> Certificates:
    """The certificates in a folder; new ones where they are not all there, or not good for long any more."""
    names = ("authority.pem", "server.pem", "server.key", "client.pem", "client.key")
    files = Certificates(*(folder / name for name in names))
    if not _are_good(files):
        _make(files)
    return files


def _are_good(files: Certificates) -> bool:
    if not all(file.exists() for file in files):
        return False
    try:
        authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    except ValueError:
        return False
    return authority.not_valid_after_utc > datetime.now(UTC) + AT_LEAST


def _make(files: Certificates) -> None:
    """Writes new certificates, the authority's last: it stands for all. Keys are for the owner's eyes alone."""
    files.authority.unlink(missing_ok=True)
    authority = _Issuer(_name("Simulated authority"), ec.generate_private_key(ec.SECP256R1()))
    for certificate, key, use in (
        (files.server, files.server_key, ExtendedKeyUsageOID.SERVER_AUTH),
        (files.client, files.client_key, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        own = ec.generate_private_key(ec.SECP256R1())
        _write_key(key, own)
        _write(certificate, _leaf(authority, own, use))
    _write(files.authority, _authority(authority))


def _authority(own: _Issuer) -> x509.Certificate:
    return (
        _certificate(own.name, own, own.key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(own.key, hashes.SHA256())
    )


def _leaf(issuer: _Issuer, own: ec.EllipticCurvePrivateKey, use: x509.ObjectIdentifier) -> x509.Certificate:
    names = [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")]
    return (
        _certificate(_name("Simulated network's peer"), issuer, own.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _certificate(subject: x509.Name, issuer: _Issuer, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + GOOD_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
