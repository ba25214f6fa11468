"""TLS to a broker: the context that the site file asks for, and a socket that says why it ended."""

from __future__ import annotations

import select
import ssl
from pathlib import Path

from hazard.errors import ConfigError
from hazard.site.mqtt import Broker

VERDICT_WITHIN_S = 0.5
"""How long a broker may take to say that it refuses the client's certificate. One that takes it
sends session tickets at once (RFC 8446, 4.6.1); one that sends neither costs this much a connect.
"""


class TellingSocket(ssl.SSLSocket):
    """A TLS socket that knows why the other side ended it.

    In TLS 1.3 a client has shaken hands before the broker has looked at its certificate (RFC 8446,
    4.4.2): the refusal comes with the first read, and is lost if something was sent before.

    Attributes:
        fault: the alert of the other side; None: none came.
    """

    fault: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as its base
        """Shake hands and hear the verdict; where that fails the socket is closed.

        Raises:
            OSError: if the broker refuses, or speaks first, which no MQTT broker does.
        """
        try:
            super().do_handshake(block)
            if self.version() == "TLSv1.3":
                self._hear_verdict()
        except (OSError, ValueError):
            self.close()  # the MQTT client forgets to
            raise

    def _hear_verdict(self) -> None:
        timeout_s = self.gettimeout()
        self.setblocking(False)
        try:
            select.select([self], [], [], VERDICT_WITHIN_S)
            if self.read(1):
                raise ConnectionAbortedError("it speaks before it is spoken to: no MQTT broker")
        except ssl.SSLWantReadError:
            return
        finally:
            self.settimeout(timeout_s)

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
