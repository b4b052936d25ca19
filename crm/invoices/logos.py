"""Logos as they come in: judged by their content and encoded anew, so that nothing else travels with them."""

import warnings
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from crm.invoices.errors import UnreadableLogo
from crm.invoices.rules import LOGO_MOST_BYTES
from crm.kernel.storage import FileTooLarge

MOST_PIXELS = 25_000_000
LONGEST_SIDE = 800  # pixels; some 300 dots an inch at the largest size it is printed in

_FORMATS = ("PNG", "JPEG", "WEBP")


def encoded_logo(content: bytes) -> bytes:
    """The picture as a PNG, never larger than needed. Some 50 ms of work.

    Raises FileTooLarge above 2 MB and UnreadableLogo for anything that is no PNG, JPEG or WebP picture.
    """
    if len(content) > LOGO_MOST_BYTES:
        raise FileTooLarge(
            f"A logo has at most {LOGO_MOST_BYTES // 1_000_000} MB. Make it smaller.", ("file",)
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=_FORMATS) as image:
                return _encoded(image)
    except (
        OSError,
        SyntaxError,
        ValueError,
        UnidentifiedImageError,
        Image.DecompressionBombWarning,
    ) as error:
        raise UnreadableLogo("This is not a readable picture. Upload a PNG, JPEG or WebP file.") from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error


def _encoded(image: Image.Image) -> bytes:
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()
    upright = ImageOps.exif_transpose(image).convert("RGB" if image.format == "JPEG" else "RGBA")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    bare = Image.new(upright.mode, upright.size)  # without the metadata of the one that came
    bare.paste(upright)
    out = BytesIO()
    bare.save(out, "PNG", optimize=True)
    return out.getvalue()


def _too_many_pixels() -> UnreadableLogo:
    return UnreadableLogo(f"A logo has at most {MOST_PIXELS // 1_000_000} million pixels. Make it smaller.")
