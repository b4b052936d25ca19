"""A logo as a document takes it in."""

import base64
import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

MOST_PIXELS = 25_000_000

_TYPES = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}


class UnreadableLogo(ValueError):
    """The bytes are not a PNG, JPEG or WebP picture of a reasonable size."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`svg` holds the picture's own bytes; `ratio` is its width divided by its height."""

    svg: str
    ratio: float


def picture_of(logo: bytes) -> Picture:
    """The logo wrapped in an SVG of ours, so that it can travel inside the document's data and no file is read."""
    kind, (width, height) = _inspect(logo)
    encoded = base64.b64encode(logo).decode("ascii")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/{kind};base64,{encoded}"/></svg>'
    )
    return Picture(svg, width / height)


def _inspect(logo: bytes) -> tuple[str, tuple[int, int]]:
    """The picture's kind and size; decodes it all, as a broken one would stop the typesetting."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(logo), formats=tuple(_TYPES)) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise UnreadableLogo(f"A logo has at most {MOST_PIXELS:,} pixels.")
                image.load()
                return _TYPES[image.format or ""], image.size
    except (OSError, SyntaxError, KeyError, UnidentifiedImageError, Image.DecompressionBombWarning) as error:
        raise UnreadableLogo("The logo is not a readable PNG, JPEG or WebP picture.") from error
