"""A PostgreSQL for measuring: the embedded server's programs, a temporary cluster, TCP on loopback.

The shop's own embedded server listens on a Unix socket only. The baselines are defined over TCP, so both pgbench
and the shop come in that way here, through the same door of the same server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pannier.kernel.ids import new_cart_token
from pannier.platform.embedded.account import Account, choose_account
from pannier.platform.embedded.binaries import Binaries, find_binaries
from pannier.platform.embedded.home import make_private
from pannier.platform.embedded.process import read_pid_file, run, spawn

USER = "bench"
_START_S = 60.0
_STOP_S = 60.0

#: Durability is PostgreSQL's default (fsync, synchronous_commit and full_page_writes on); said out loud all the
#: same, because it is what the figures stand on. Checkpoints are asked for between measurements, never within.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_connections": "200",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "random_page_cost": "1.1",
    "jit": "off",
}


@dataclass(frozen=True)
class Server:
    """A running cluster; `pid` is its postmaster's."""

    pid: int
    port: int
    password: str
    directory: Path
    binaries: Binaries

    def url(self, database: str) -> str:
        """Where clients connect, as the cluster's superuser."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def environment(self, database: str) -> dict[str, str]:
        """What libpq programs such as pgbench need to find `database`."""
        known = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": USER, "PGPASSWORD": self.password}
        return dict(os.environ) | known | {"PGDATABASE": database}

    def run_script(self, database: str, script: str, **variables: object) -> None:
        """Run SQL text with psql, which puts `variables` where the text has `:name`.

        RuntimeError with what the server said.
        """
        command: list[str | Path] = [self.binaries.program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        command += [f"--set={name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [*command, "--file=-"],
            input=script,
            text=True,
            check=False,
            capture_output=True,
            env=self.environment(database) | {"PGOPTIONS": "-c client_min_messages=warning"},
        )
        if done.returncode != 0:
            raise RuntimeError(f"psql in {database}: {done.stderr.strip()[-2000:]}")


@contextlib.contextmanager
def started(parent: Path | None = None) -> Iterator[Server]:
    """A fresh cluster below `parent` (the system's temporary directory); it is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="pannier-bench-", dir=parent))
    directory.chmod(0o755)
    process: subprocess.Popen[bytes] | None = None
    try:
        account = choose_account(directory / "data")
        binaries = find_binaries(account)
        password = new_cart_token()
        files = _make_cluster(directory, account, binaries, password)
        port = _free_port()
        command: list[str | Path] = [binaries.program("postgres"), "-D", files]
        for name, value in {**SETTINGS, "port": str(port)}.items():
            command += ["-c", f"{name}={value}"]
        with (directory / "server.log").open("ab") as log:
            process = spawn(account, command, log)
        _wait_until_ready(process, files, directory / "server.log")
        yield Server(process.pid, port, password, directory, binaries)
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(directory, ignore_errors=True)


def _make_cluster(directory: Path, account: Account, binaries: Binaries, password: str) -> Path:
    files = make_private(directory / "data", account)
    secret = make_private(directory / "secret", account) / "password"
    secret.write_text(f"{password}\n", encoding="ascii")
    if account.is_switched_to:
        os.chown(secret, account.uid, account.gid)
    options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--auth=scram-sha-256", "--data-checksums", "--no-instructions", f"--username={USER}"]
    made = run(account, [binaries.program("initdb"), *options, f"--pwfile={secret}", f"--pgdata={files}"])
    if made.returncode != 0:
        raise RuntimeError(f"The database files cannot be made:\n{made.stdout.strip()}")
    return files


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], files: Path, log: Path) -> None:
    give_up_at = time.monotonic() + _START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        state = read_pid_file(files)
        if state is not None and state.pid == process.pid and state.is_ready:
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Nobody reads these files again, so it need not write them down first.
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
