"""Which kubeconfig is taken, and what a malformed one says."""

from pathlib import Path

import pytest

from rollouts.client.kubeconfig import choose
from rollouts.kube.config import ConfigError

GOOD = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("ROLLOUTS_HOME", str(tmp_path / "state"))


def _file(path: Path, text: str = GOOD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_named_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(_file(tmp_path / "env")))
    _file(tmp_path / "state" / "kubeconfig")
    assert choose(_file(tmp_path / "named")) == str(tmp_path / "named")


def test_then_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(_file(tmp_path / "env")))
    _file(tmp_path / "state" / "kubeconfig")
    assert choose() == str(tmp_path / "env")


def test_then_the_embedded_cluster(tmp_path: Path) -> None:
    assert choose() is None
    _file(tmp_path / "state" / "kubeconfig")
    assert choose() == str(tmp_path / "state" / "kubeconfig")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clusters: [\n  x: {y\n", "line 3 is not YAML"),
        ("just text", "should have clusters, contexts and users"),
        ("clusters: nonsense", "should have clusters, contexts and users"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    bad = _file(tmp_path / "bad", text)
    with pytest.raises(ConfigError, match=says) as caught:
        choose(bad)
    assert str(bad) in str(caught.value)
