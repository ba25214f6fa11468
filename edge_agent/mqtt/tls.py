"""TLS to a broker: the context that the site file asks for, and a socket that says why it ended."""

from __future__ import annotations

import ssl
from pathlib import Path

from hazard.errors import ConfigError
from hazard.site.mqtt import Broker


class TellingSocket(ssl.SSLSocket):
    """A TLS socket that keeps why the other side ended it.

    In TLS 1.3 (RFC 8446, 4.4.2) a client learns with its first read, after the handshake, that the
    broker refused its certificate; the MQTT client makes a bare "connection lost" of that.

    Attributes:
        fault: the alert of the other side; None: none came.
    """

    fault: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        """Shake hands; where that fails the socket is closed, which the MQTT client forgets."""
        try:
            super().do_handshake(block)
        except (OSError, ValueError):
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read, and keep the reason where the other side has sent an alert."""
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self.fault = error
            raise


def tls_context(broker: Broker) -> ssl.SSLContext:
    """The context for this broker: its CA or the system's, and the client's certificate.

    Raises:
        ConfigError: if a file cannot be read or does not fit, with its setting and the mend.
    """
    try:
        context = ssl.create_default_context(cafile=_path(broker.ca_file))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"ca_file {broker.ca_file} cannot be used ({_why(error)}): give the certificate of "
            "the authority that signed the broker's, as PEM, readable by this user"
        ) from error
    context.sslsocket_class = TellingSocket
    if broker.cert_file is not None:
        try:
            # Without a password of ours OpenSSL would stop and ask on the terminal.
            context.load_cert_chain(broker.cert_file, broker.key_file, password="")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cert_file {broker.cert_file} with key_file {broker.key_file} cannot be used "
                f"({_why(error)}): give a certificate and its own key without a passphrase, as "
                "PEM, readable by this user"
            ) from error
    return context


def _path(path: Path | None) -> str | None:
    return str(path) if path is not None else None


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not PEM"
    return getattr(error, "strerror", None) or str(error)
