# SPDX-License-Identifier: Apache-2.0
"""The folder is this user's alone, or it is not used."""

import os
import stat
from pathlib import Path

import pytest

from dbx_otel.delivery.spool.folder import Folder, UnsafeFolderError, default_folder, segment_name


def test_it_is_made_for_this_user_alone(tmp_path: Path) -> None:
    Folder(tmp_path / "a" / "b").open(create=True)
    for made in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_it_is_not_made_where_nothing_is_kept(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a")
    assert folder.names() == []
    assert folder.size() == 0
    with pytest.raises(FileNotFoundError):
        folder.open(create=False)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_one_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(mode)
    with pytest.raises(UnsafeFolderError, match="chmod 700"):
        Folder(tmp_path / "a").open(create=True)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(UnsafeFolderError, match="is a symbolic link"):
        Folder(tmp_path / "link").open(create=True)


def shared(tmp_path: Path) -> Path:
    """A folder that anyone may write to, as /tmp."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    return tmp_path / "shared"


def test_a_symbolic_link_below_a_shared_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    (shared(tmp_path) / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFolderError, match="is a symbolic link"):
        Folder(tmp_path / "shared" / "link" / "spool").open(create=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_below_a_shared_one_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    (shared(tmp_path) / "a").mkdir()
    (tmp_path / "shared" / "a").chmod(0o775)
    with pytest.raises(UnsafeFolderError, match="open to other users"):
        Folder(tmp_path / "shared" / "a" / "spool").open(create=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_used(tmp_path: Path) -> None:
    (shared(tmp_path) / "a").mkdir(0o700)
    os.chown(tmp_path / "shared" / "a", 65534, -1)
    for path in (tmp_path / "shared" / "a", tmp_path / "shared" / "a" / "spool"):
        with pytest.raises(UnsafeFolderError, match="another user"):
            Folder(path).open(create=True)


def test_links_above_are_followed_where_only_this_user_can_set_them(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    Folder(tmp_path / "link" / "spool").open(create=True)
    assert (tmp_path / "there" / "spool").is_dir()


def test_it_is_found_again_after_it_was_removed(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a")
    folder.open(create=True)
    (tmp_path / "a").rmdir()
    folder.open(create=True)
    assert (tmp_path / "a").is_dir()


def test_a_descriptor_that_the_app_closed_and_used_again_is_not_taken_for_the_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a")
    descriptor = folder.open(create=True)
    other = os.open(tmp_path, os.O_RDONLY)
    os.dup2(other, descriptor)
    again = folder.open(create=True)
    assert os.fstat(again).st_ino == (tmp_path / "a").stat().st_ino
    assert os.fstat(descriptor).st_ino == tmp_path.stat().st_ino, "what is not ours is not closed"
    for opened in (other, descriptor):
        os.close(opened)
    folder.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(0o755)
    before = descriptors()
    for name in ("open", "new"):
        folder = Folder(tmp_path / name)
        if name == "open":
            with pytest.raises(UnsafeFolderError):
                folder.open(create=True)
        else:
            folder.open(create=True)
        folder.close()
    assert descriptors() == before


def test_names_and_size_are_of_segments_only(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a")
    folder.open(create=True)
    (tmp_path / "a" / segment_name(b"12345678")).write_bytes(b"x" * 7)
    (tmp_path / "a" / "notes.txt").write_bytes(b"x" * 100)
    assert folder.names() == [segment_name(b"12345678")]
    assert folder.size() == 7
    assert segment_name(b"12345678").startswith(f"{os.getpid()}-")


def test_each_service_has_a_folder_of_its_own_below_this_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert default_folder("orders") == default_folder("orders")
    assert default_folder("orders") != default_folder("../orders")
    assert Path(default_folder("../orders")).parent == tmp_path / f"dbx-otel-{os.geteuid()}" / "spool"
