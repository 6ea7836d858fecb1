"""Tell the kind of a file by its first bytes, so that a healthy file of an unread kind is not called damaged."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 64
MOVIE = "movie"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"\x80\x2a\x5f\xd7", "Cineon"),
    (b"\xd7\x5f\x2a\x80", "Cineon"),
    (b"8BPS", "Photoshop"),
    (b"GIF8", "GIF"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"\x01\xda", "SGI"),
    (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x1a\x45\xdf\xa3", MOVIE),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", MOVIE),
    (b"\0\0\x01\xba", MOVIE),
    (b"\0\0\x01\xb3", MOVIE),
    (b"OggS", MOVIE),
    (b"FLV\x01", MOVIE),
    (b"0&\xb2u\x8ef\xcf\x11", MOVIE),
    (b"RED1", MOVIE),
    (b"RED2", MOVIE),
    (b"ARRI", "ARRIRAW"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"DDS ", "DDS"),
    (b"FORM", "IFF"),
    (b"AT&TFORM", "DjVu"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"Rar!", "RAR archive"),
    (b"version https://git-lfs", "Git LFS pointer"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML page"),
    (b"<html", "HTML page"),
    (b"SIMPLE  =", "FITS"),
    (b"P3\n", "PNM"),
    (b"P5\n", "PNM"),
    (b"P6\n", "PNM"),
    (b"PF\n", "PFM"),
    (b"Pf\n", "PFM"),
    (b"BM", "BMP"),
)
_SUFFIXES = {
    **dict.fromkeys((".mov", ".mp4", ".m4v", ".avi", ".mkv", ".mxf", ".webm", ".mpg", ".mpeg", ".r3d", ".braw", ".wmv", ".mts"), MOVIE),
    ".psd": "Photoshop", ".psb": "Photoshop", ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".webp": "WebP", ".gif": "GIF",
    ".bmp": "BMP", ".tga": "Targa", ".hdr": "Radiance HDR", ".sgi": "SGI", ".rgb": "SGI", ".jp2": "JPEG 2000", ".j2k": "JPEG 2000",
    ".jxl": "JPEG XL", ".ari": "ARRIRAW", ".dng": "camera raw", ".cr2": "camera raw", ".cr3": "camera raw", ".nef": "camera raw",
    ".arw": "camera raw", ".svg": "SVG", ".pdf": "PDF", ".iff": "IFF", ".dds": "DDS", ".pic": "Softimage PIC",
}  # fmt: skip


def kind_of_content(begins: bytes) -> str | None:
    """Name the kind of a file with these first bytes; None for an unknown kind."""
    if begins[4:8] == b"ftyp":
        brand = begins[8:12]
        if brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"):
            return "HEIC"
        if brand in (b"avif", b"avis"):
            return "AVIF"
        return "camera raw" if brand == b"crx " else MOVIE
    if begins[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return MOVIE
    if begins[:4] in (b"RIFF", b"RIFX"):
        return {b"WEBP": "WebP", b"AVI ": MOVIE}.get(begins[8:12], "RIFF")
    if begins[:4] in (b"II*\0", b"MM\0*") and begins[8:10] == b"CR":
        return "camera raw"
    return next((kind for signature, kind in _SIGNATURES if begins.startswith(signature)), None)


def kind_of_name(path: Path) -> str | None:
    """Name the kind that a suffix stands for, of those that are not read."""
    return _SUFFIXES.get(path.suffix.lower())


def not_read(name: str, kind: str) -> str:
    """Write that a file of a known kind is not read, and what to do.

    Args:
        name: of the file, as the sentence begins.
        kind: as named here.
    """
    if kind == MOVIE:
        return (
            f"{name} is a movie, and movies are not read: their frames have no numbers of their own. Export the frames (in Nuke a Read "
            "and a Write of shot.%04d.exr; or `ffmpeg -i movie shot.%04d.png`), and give that pattern."
        )
    article = "an" if kind[0] in "AEIO" or kind in ("HTML page", "SGI", "SVG", "XML") else "a"
    if kind == "Git LFS pointer":
        return f"{name} is a Git LFS pointer, not the picture itself. Fetch the file (git lfs pull)."
    return f"{name} is {article} {kind} file, which is not read. Export it as EXR, PNG, JPEG, TIFF or DPX."
