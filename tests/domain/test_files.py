from __future__ import annotations

import pytest

from server.domain.files import NAME_MAX_CHARS, File, clean_file_name, file_of, type_of


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"12345678WEBP\0", "application/octet-stream"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"),
        (b"\0\0\0\x20ftypisom\0\0", "video/mp4"),
        (b"\0\0\0\x20ftypheic\0\0", "application/octet-stream"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1\x42\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1\x42\x82\x88matroska", "application/octet-stream"),
        (b"ID3\4\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x44\0\0", "audio/mpeg"),
        (b"OggS\0\2", "audio/ogg"),
        (b"<html><script>", "text/plain"),
        ("Привет\r\n".encode(), "text/plain"),
        ("Привет".encode()[:-1], "text/plain"),
        ("Привет".encode("cp1251"), "application/octet-stream"),
        (b"MZ\x90\0\3", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_content_tells_what_a_file_is(head: bytes, kind: str) -> None:
    assert type_of(head) == kind


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("Отчёт за май.pdf", "Отчёт за май.pdf"),
        ("и\u0306.txt", "й.txt"),
        ("../../etc/passwd", "etcpasswd"),
        ("C:\\Users\\alice\\a.txt", "CUsersalicea.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        (" a\t\n b .", "a b"),
        ('"><img src=x>', "img src=x"),
        ("\0\x07", "file"),
        ("..", "file"),
        ("", "file"),
        ("thumbnail", "file"),
        ("👨\u200d👩\u200d👧.png", "👨\u200d👩\u200d👧.png"),
        ("x" * 200 + ".jpeg", "x" * (NAME_MAX_CHARS - 5) + ".jpeg"),
        ("x." + "y" * 200, "x." + "y" * (NAME_MAX_CHARS - 2)),
    ],
)
def test_a_name_can_be_saved_everywhere(given: str, cleaned: str) -> None:
    assert clean_file_name(given) == cleaned


def test_a_file_is_read_back_as_it_was_described() -> None:
    for file in (File("f1", "a.txt", "text/plain", 3), File("f2", "b.png", "image/png", 9, 3, 4)):
        assert file_of(file.describe()) == file


@pytest.mark.parametrize(
    "change",
    [
        {"id": "{}"},
        {"name": 1},
        {"bytes": -1},
        {"bytes": True},
        {"width": 3},
        {"width": 3, "height": "4"},
        {"more": 1},
    ],
)
def test_what_describes_no_file_is_refused(change: dict[str, object]) -> None:
    described = File("f1", "a.txt", "text/plain", 3).describe() | change
    with pytest.raises(ValueError, match=r"file|sizes"):
        file_of(described)
