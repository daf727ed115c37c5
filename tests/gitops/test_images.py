"""Setting an image in a kustomization keeps everything else as it was written."""

from pathlib import Path

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.gitops.images import set_image

FILE = """\
# The shop.
resources:
- service.yaml   # first
images:
# bumped by CI
- name: registry.example.com:5000/shop/web
  newTag: 1.0.0  # the tag
- name: other
  newName: mirror/other
  digest: sha256:aa
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kustomization.yaml"
    path.write_text(FILE)
    return path


def test_only_the_tag_changes(file: Path) -> None:
    assert set_image(file, "registry.example.com:5000/shop/web:1.1.0") is True
    assert file.read_text() == FILE.replace("newTag: 1.0.0", "newTag: 1.1.0")


def test_the_same_tag_changes_nothing(file: Path) -> None:
    assert set_image(file, "registry.example.com:5000/shop/web:1.0.0") is False
    assert file.read_text() == FILE


@pytest.mark.parametrize(("tag", "written"), [("20260101", '"20260101"'), ("1.10", '"1.10"'), ("v1", "v1")])
def test_a_tag_that_looks_like_a_number_stays_text(file: Path, tag: str, written: str) -> None:
    set_image(file, f"registry.example.com:5000/shop/web:{tag}")
    assert f"newTag: {written}" in file.read_text()


def test_a_tag_takes_the_place_of_a_digest(file: Path) -> None:
    set_image(file, "other=mirror/new:2")
    assert "newName: mirror/new" in file.read_text()
    assert 'newTag: "2"' in file.read_text()
    assert "digest" not in file.read_text()


def test_an_image_that_is_not_there_is_added(file: Path) -> None:
    set_image(file.parent, "third@sha256:bb")
    assert file.read_text() == FILE + "- name: third\n  digest: sha256:bb\n"


@pytest.mark.parametrize("image", ["", "web", "=web:1", "web =x", "registry:5000/web"])
def test_what_is_no_image_is_refused(file: Path, image: str) -> None:
    with pytest.raises(InvalidSpec, match="is not an image to set"):
        set_image(file, image)
    assert file.read_text() == FILE


def test_a_folder_without_a_kustomization_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"holds no kustomization\.yaml"):
        set_image(tmp_path, "web:1")
