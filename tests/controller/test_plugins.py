"""Plugins join the built-ins, and say who is to blame when they cannot."""

from importlib.metadata import EntryPoint

import pytest

from rollouts import plugins
from rollouts.plugins import PluginError, load


def installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [p for p in points if p.group == group])


def test_what_is_installed_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, EntryPoint("mine", "os.path:join", "rollouts.routers"))
    assert list(load("rollouts.routers", {"nginx": object()})) == ["mine"]
    assert load("rollouts.providers", {}) == {}


def test_a_built_in_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, EntryPoint("nginx", "os.path:join", "rollouts.routers"))
    with pytest.raises(PluginError, match='takes the name "nginx"'):
        load("rollouts.routers", {"nginx": object()})


def test_a_plugin_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, EntryPoint("mine", "no.such.module:x", "rollouts.routers"))
    with pytest.raises(PluginError, match=r"plugin no\.such\.module:x of .* does not load"):
        load("rollouts.routers", {})
