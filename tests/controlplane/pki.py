"""The certificates of a control plane: one authority, and a certificate for each who speaks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=30)
_PEM = serialization.Encoding.PEM


class Authority:
    """Signs, and writes what it signs into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _subject(name, ())
        self.certificate = folder / f"{name}.crt"
        """What to trust."""
        self.key = write_key(folder / f"{name}.key", self._key)
        made = _begin(self._subject, self._subject, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def issue(self, name: str, *, groups: Sequence[str] = (), hosts: Sequence[str] = ()) -> tuple[Path, Path]:
        """A certificate and its key: for a client with these groups, or for a server under these hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _begin(_subject(name, groups), self._subject, key.public_key())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            made = made.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        stem = name.replace(":", "-")
        path = self._folder / f"{stem}.crt"
        path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        return path, write_key(self._folder / f"{stem}.key", key)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write a private key for its owner's eyes."""
    path.touch(mode=0o600)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.write_bytes(key.private_bytes(_PEM, form, serialization.NoEncryption()))
    return path


def new_key(path: Path) -> Path:
    """A fresh private key."""
    return write_key(path, ec.generate_private_key(ec.SECP256R1()))


def _subject(name: str, groups: Sequence[str]) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
