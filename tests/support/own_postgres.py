"""A PostgreSQL of a test's own on loopback, with its own rules of who may come in; and what stands before it.

with own_postgres(directory, hba) as server:      server.url("user", "database")
with tls_front(server.port, directory) as port:   the same, spoken to through TLS with a certificate nobody vouches for
with pgbouncer(server, directory, mode) as port:  the same, through a pooler
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pannier.platform.embedded.account import Account, choose_account
from pannier.platform.embedded.binaries import Binaries, find_binaries
from pannier.platform.embedded.process import read_pid_file, run, spawn
from tests.support.waiting import wait_until

OWNER = "owner"
_SSL_REQUEST = 8


@dataclass(frozen=True)
class OwnPostgres:
    """A running server; `OWNER` may do everything."""

    port: int
    binaries: Binaries
    account: Account
    sockets: Path

    def url(self, user: str = OWNER, database: str = "postgres", options: str = "") -> str:
        """Where it is, on loopback, with a password that no rule asks for."""
        return f"postgresql://{user}:hunter22@127.0.0.1:{self.port}/{database}{options}"

    def sql(self, *statements: str) -> None:
        """Carry statements out as its owner, through its socket."""
        psql: list[str | Path] = [self.binaries.program("psql"), "--no-psqlrc", "--quiet", f"--username={OWNER}"]
        psql += ["--dbname=postgres", f"--host={self.sockets}", f"--port={self.port}", "--set=ON_ERROR_STOP=1"]
        done = run(self.account, [*psql, *(f"--command={statement}" for statement in statements)])
        assert done.returncode == 0, done.stdout


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def own_postgres(directory: Path, hba: Sequence[str]) -> Iterator[OwnPostgres]:
    """A server in `directory`, which its user may enter; `hba` are the lines for who comes by the network."""
    data, sockets, port = directory / "data", directory / "run", free_port()
    account = choose_account(data)
    binaries = find_binaries(account)
    for place in (data, sockets):
        place.mkdir(mode=0o700)
        if account.is_switched_to:
            shutil.chown(place, account.uid, account.gid)
    options = ["--auth=trust", "--no-sync", "--no-instructions", f"--username={OWNER}", f"--pgdata={data}"]
    made = run(account, [binaries.program("initdb"), *options])
    assert made.returncode == 0, made.stdout
    (data / "pg_hba.conf").write_text("\n".join(["local all all trust", *hba, ""]), encoding="utf-8")
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": sockets, "fsync": "off"}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (directory / "server.log").open("wb") as log:
        process = spawn(account, [binaries.program("postgres"), "-D", data, *words], log)
    try:
        wait_until(lambda: (said := read_pid_file(data)) is not None and said.is_ready, 60)
        yield OwnPostgres(port, binaries, account, sockets)
    finally:
        # An immediate stop: nobody wants to keep what it holds.
        process.send_signal(3)
        process.wait(30)


@contextlib.contextmanager
def pgbouncer(server: OwnPostgres, directory: Path, mode: str) -> Iterator[int]:
    """Debian's PgBouncer before the server, in that pool mode; answers its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None, "pgbouncer is missing: apt-get install pgbouncer"
    port, settings = free_port(), directory / "pgbouncer.ini"
    settings.write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={server.port} user={OWNER}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = {mode}
        default_pool_size = 4
        ignore_startup_parameters = extra_float_digits
        """.replace("        ", ""),
        encoding="utf-8",
    )
    settings.chmod(0o644)
    user = server.account
    process = subprocess.Popen(
        [program, "--quiet", settings],
        stderr=subprocess.DEVNULL,
        user=user.uid if user.is_switched_to else None,
        group=user.gid if user.is_switched_to else None,
        extra_groups=[] if user.is_switched_to else None,
    )
    try:
        wait_until(lambda: _listens(port, process), 20)
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "pgbouncer does not start"
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def tls_front(port: int, directory: Path) -> Iterator[int]:
    """Takes TLS off before a server that speaks none, as one with `ssl = on` would; answers its own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(directory / "server.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, port), daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", port)) as server:
        client.recv(_SSL_REQUEST)
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as secured:
            back = threading.Thread(target=_pass_on, args=(server, secured), daemon=True)
            back.start()
            _pass_on(secured, server)
            back.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def certificate(file: Path) -> Path:
    """Key and certificate of a server that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a database of a test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file
