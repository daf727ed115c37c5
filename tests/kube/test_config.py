"""Kubeconfig files that cannot be used: one error of our own, which says where and why."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.kube import config
from rollouts.kube.config import ConfigError


def written(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "kubeconfig"
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:9", **cluster}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return path


def plugin(*command: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    how = {"command": command[0], "args": [*command[1:]], "interactiveMode": "Never"}
    return {"exec": {"apiVersion": version, **how}}


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "aGk=", "client-key-data": "aGk="},
        {"client-certificate": "/nowhere", "client-key": "/nowhere"},
        {"tokenFile": "/nowhere"},
    ],
    ids=["certificate that is none", "certificate not there", "token not there"],
)
async def test_credentials_that_cannot_be_read_are_one_error(tmp_path: Path, user: dict[str, Any]) -> None:
    path = written(tmp_path, user)
    with pytest.raises(ConfigError, match=f"kubeconfig {path}: "):
        await config.load(path)


@pytest.mark.parametrize("text", ["a: [", "[]", "\0", "apiVersion: v1\nkind: Config\n"])
async def test_a_file_that_is_no_kubeconfig_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"kubeconfig {path}: "):
        await config.load(path)


@pytest.mark.parametrize("command", [["/nowhere/login"], [sys.executable, "-c", "raise SystemExit(1)"]])
async def test_a_plugin_that_gives_no_credentials_is_told_at_once(tmp_path: Path, command: list[str]) -> None:
    with pytest.raises(ConfigError, match="the exec plugin of the user gave no credentials"):
        await config.load(written(tmp_path, plugin(*command)))


async def test_proxy_server_name_and_unchecked_certificates_are_taken_over(tmp_path: Path) -> None:
    kind = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}
    answer = {**kind, "status": {"token": "t"}}
    path = written(
        tmp_path,
        plugin(sys.executable, "-c", f"print({json.dumps(answer)!r})"),
        **{"proxy-url": "http://proxy:3128", "tls-server-name": "api", "insecure-skip-tls-verify": True},
    )
    endpoint = await config.load(path)
    assert (endpoint.proxy, endpoint.server_name) == ("http://proxy:3128", "api")
    assert endpoint.tls is not None
    assert not endpoint.tls.check_hostname
    assert await endpoint.credentials() == "Bearer t"
