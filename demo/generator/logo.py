"""Draws the logo: a roundel with a leaf that is also a bean and a quill, and the name in our own letters."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]

_SIZE = (760, 200)  # pixels of the finished picture
_FINE = 6  # drawn this many times larger, then reduced: smooth edges
_GREEN, _CREAM, _COPPER, _INK = "#1d4d43", "#f6efe0", "#c8793a", "#22302c"
_STROKE = 12.0
_TOP, _BASE, _ASCENDER, _DESCENDER = 74.0, 132.0, 44.0, 158.0
_RADIUS = (_BASE - _TOP) / 2
_MIDDLE = (_TOP + _BASE) / 2
_GAP = 25.0
_START = 214.0  # where the name begins


def draw_logo() -> Image.Image:
    """Return the picture with a transparent ground."""
    large = Image.new("RGBA", (_SIZE[0] * _FINE, _SIZE[1] * _FINE), (255, 255, 255, 0))
    _roundel(large)
    pen = _START
    for letter in "quillmere":
        strokes, width = _LETTERS[letter](pen)
        for stroke in strokes:
            _brush(large, stroke, _STROKE, _INK)
        pen += width + _GAP
    return large.resize(_SIZE, Image.Resampling.LANCZOS)


def write_logo(path: Path) -> None:
    """Write the picture unless the file shows it already, as other builds of zlib pack it differently."""
    picture = draw_logo()
    if path.exists() and same_picture(picture, Image.open(path)):
        return
    picture.save(path, optimize=True)


def same_picture(one: Image.Image, other: Image.Image) -> bool:
    if one.size != other.size:
        return False
    return ImageChops.difference(one.convert("RGBA"), other.convert("RGBA")).getbbox(alpha_only=False) is None


def _roundel(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    centre, radius = (100.0, 100.0), 84.0
    draw.ellipse(_box(centre, radius), fill=_GREEN)
    draw.polygon([_fine(point) for point in _leaf(centre)], fill=_CREAM)
    _brush(picture, _vein(centre, -62, 46), 6, _GREEN)
    _brush(picture, _vein(centre, 54, 74), 6, _COPPER)


def _leaf(centre: Point) -> list[Point]:
    """Outline where two circles overlap, its axis leaning to the right."""
    half, bulge = 56.0, 33.0
    radius = (half**2 + bulge**2) / (2 * bulge)
    reach = math.asin(half / radius)
    angles = [reach * step / 60 for step in range(-60, 61)]
    right = [(radius * math.cos(a) - (radius - bulge), radius * math.sin(a)) for a in angles]
    left = [(-x, y) for x, y in reversed(right)]
    return [_lean(point, centre) for point in (*right, *left)]


def _vein(centre: Point, start: float, end: float) -> Iterator[Point]:
    """Draw an S along the leaf's axis: the crease of a bean above, the shaft of a quill below."""
    for step in range(301):
        along = start + (end - start) * step / 300
        yield _lean((7 * math.sin(along / 56 * math.pi), along), centre)


def _lean(point: Point, centre: Point) -> Point:
    angle = math.radians(38)
    x, y = point
    return (
        centre[0] + x * math.cos(angle) - y * math.sin(angle),
        centre[1] + x * math.sin(angle) + y * math.cos(angle),
    )


def _q(x: float) -> tuple[list[Iterable[Point]], float]:
    bowl = _arc((x + _RADIUS, _MIDDLE), _RADIUS, 0, 360)
    return [bowl, _line((x + 2 * _RADIUS, _TOP), (x + 2 * _RADIUS, _DESCENDER))], 2 * _RADIUS


def _u(x: float) -> tuple[list[Iterable[Point]], float]:
    radius, width = 23.0, 46.0
    foot = _BASE - radius
    cup = _arc((x + radius, foot), radius, 0, 180)
    return [_line((x, _TOP), (x, foot)), cup, _line((x + width, _TOP), (x + width, _BASE))], width


def _i(x: float) -> tuple[list[Iterable[Point]], float]:
    return [_line((x, _TOP), (x, _BASE)), [(x, _TOP - 25)]], 0


def _l(x: float) -> tuple[list[Iterable[Point]], float]:
    return [_line((x, _ASCENDER), (x, _BASE))], 0


def _m(x: float) -> tuple[list[Iterable[Point]], float]:
    radius = 18.0
    strokes: list[Iterable[Point]] = [_line((x, _TOP), (x, _BASE))]
    for arch in (x, x + 2 * radius):
        strokes.append(_arc((arch + radius, _TOP + radius), radius, 180, 360))
        strokes.append(_line((arch + 2 * radius, _TOP + radius), (arch + 2 * radius, _BASE)))
    return strokes, 4 * radius


def _e(x: float) -> tuple[list[Iterable[Point]], float]:
    bowl = _arc((x + _RADIUS, _MIDDLE), _RADIUS, 40, 360)
    return [bowl, _line((x, _MIDDLE), (x + 2 * _RADIUS, _MIDDLE))], 2 * _RADIUS


def _r(x: float) -> tuple[list[Iterable[Point]], float]:
    radius = 24.0
    return [_line((x, _TOP), (x, _BASE)), _arc((x + radius, _TOP + radius), radius, 180, 285)], 26


_LETTERS = {"q": _q, "u": _u, "i": _i, "l": _l, "m": _m, "e": _e, "r": _r}


def _arc(centre: Point, radius: float, start: float, end: float) -> Iterator[Point]:
    """Points of an arc in degrees, clockwise from three o'clock."""
    for step in range(401):
        angle = math.radians(start + (end - start) * step / 400)
        yield centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _line(start: Point, end: Point) -> Iterator[Point]:
    for step in range(401):
        part = step / 400
        yield start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _brush(picture: Image.Image, points: Iterable[Point], width: float, colour: str) -> None:
    draw = ImageDraw.Draw(picture)
    for point in points:
        draw.ellipse(_box(point, width / 2), fill=colour)


def _box(centre: Point, radius: float) -> tuple[float, float, float, float]:
    x, y = _fine(centre)
    return x - radius * _FINE, y - radius * _FINE, x + radius * _FINE, y + radius * _FINE


def _fine(point: Point) -> Point:
    return point[0] * _FINE, point[1] * _FINE
