"""A real Prometheus on loopback, with the configuration of examples/prometheus.yml."""

import base64
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from rollouts.api.meta import Object
from tests.controlplane.plane import free_port
from tests.places import REPOSITORY

_READY_LIMIT = 30.0
"""Seconds."""


def program(name: str) -> str:
    """Where `prometheus` or `promtool` is; the lane fails without them."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is not on PATH: this lane needs a real Prometheus. Install it "
            "(Debian and Ubuntu: apt-get install --no-install-recommends prometheus) and run it again; "
            "nothing needs to be started or configured"
        )
    return found


@dataclass(slots=True)
class Prometheus:
    """A server that may be stopped and started again; what it has collected stays."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def of(folder: Path, kubeconfig: Path, controller_port: int) -> "Prometheus":
        """Write its configuration, from the example's and how a cluster is reached."""
        folder.mkdir()
        found = yaml.safe_load(kubeconfig.read_text())
        cluster, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
        (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        config = yaml.safe_load((REPOSITORY / "examples" / "prometheus.yml").read_text())
        config["global"]["scrape_interval"] = "500ms"
        envoy, controller = config["scrape_configs"]
        envoy["static_configs"][0]["targets"] = [cluster["server"].removeprefix("https://")]
        if "token" in user:
            (folder / "token").write_text(user["token"])
        else:  # a holder of a certificate, as administrators of real clusters are
            del envoy["authorization"]
            for name, field in (("cert_file", "client-certificate-data"), ("key_file", "client-key-data")):
                (folder / name).touch(mode=0o600)
                (folder / name).write_bytes(base64.b64decode(user[field]))
                envoy["tls_config"][name] = name
        controller["static_configs"][0]["targets"] = [f"127.0.0.1:{controller_port}"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        return Prometheus(folder, free_port())

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it has scraped; it takes 5 s to look for its targets."""
        command = [program("prometheus"), "--config.file", str(self.folder / "prometheus.yml")]
        command += ["--storage.tsdb.path", str(self.folder / "data"), "--log.level", "warn"]
        command += ["--web.listen-address", f"127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_LIMIT
        while not self._has_scraped():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, (self.targets(), self.log)
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    @property
    def log(self) -> str:
        """What it has complained about."""
        return (self.folder / "log").read_text()

    def query(self, promql: str) -> dict[str, float]:
        """The series of an instant vector, by their labels as text."""
        found = self._get(f"/api/v1/query?{urllib.parse.urlencode({'query': promql})}")
        return {json.dumps(each["metric"]): float(each["value"][1]) for each in found["result"]}

    def targets(self) -> dict[str, tuple[str, str]]:
        """Health and last error of each job."""
        found = self._get("/api/v1/targets")["activeTargets"]
        return {each["labels"]["job"]: (each["health"], each["lastError"]) for each in found}

    def _get(self, path: str) -> Object:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            data: Object = json.load(answer)["data"]
            return data

    def _has_scraped(self) -> bool:
        try:
            health = [each for each, _ in self.targets().values()]
        except OSError:
            return False
        return bool(health) and all(each == "up" for each in health)
