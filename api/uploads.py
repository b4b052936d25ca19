"""Uploads by the GraphQL multipart request specification: read as they arrive, placed where the map says.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.refusals import Refused
from crm.kernel.errors import InvalidInput
from crm.kernel.settings import settings

FIELDS = 8  # of which the specification knows two
PATHS_OF_A_FILE = 10
STEPS_OF_A_PATH = 20


async def read_upload(request: Request, decode: Callable[[str], Any]) -> dict[str, Any]:
    """The operation of a multipart request, its files in its variables. Raises Refused."""
    form = await _form(request)
    operation, places = (_object(form, name, decode) for name in ("operations", "map"))
    for name, paths in places.items():
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise Refused(400, f"The map names the file '{name[:50]}', which is not among the parts.")
        for path in _checked(paths):
            _place(operation, path, file)
    return operation


def file_of(value: object) -> UploadFile:
    """What stands in an input's `file`. Raises InvalidInput for JSON that holds something in its place."""
    if not isinstance(value, UploadFile):
        message = "Send the file as a part of a multipart request."
        raise InvalidInput.one(message, "file", code="NOT_A_FILE")
    return value


async def _form(request: Request) -> FormData:
    """The parts; files beyond a megabyte wait on disk, not in memory."""
    most_files, most_kb = settings().max_upload_files, settings().max_body_kb
    try:
        return await request.form(max_files=most_files, max_fields=FIELDS, max_part_size=most_kb * 1000)
    except HTTPException as error:  # what Starlette makes of a part too many or too large
        told = f"The upload cannot be read: {error.detail} At most {most_files} files and {FIELDS} fields go in one request."
        raise Refused(400, told) from None
    except (ValueError, LookupError):
        raise Refused(400, "The upload is no multipart/form-data.") from None


def _object(form: FormData, name: str, decode: Callable[[str], Any]) -> dict[str, Any]:
    text = form.get(name)
    try:
        value = decode(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refused(400, f"An upload needs a part '{name}' that holds a JSON object.")
    return value


def _checked(paths: Any) -> list[list[str]]:
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Refused(400, "The map gives each file a list of paths, such as ['variables.input.file'].")
    split = [path.split(".") for path in paths]
    if len(split) > PATHS_OF_A_FILE or any(len(steps) > STEPS_OF_A_PATH for steps in split):
        raise Refused(400, f"A file has at most {PATHS_OF_A_FILE} paths of {STEPS_OF_A_PATH} steps.")
    if any(steps[0] != "variables" or len(steps) == 1 for steps in split):
        raise Refused(400, "Files go into variables: each path of the map begins with 'variables.'.")
    return split


def _place(operation: Mapping[str, Any], path: list[str], file: UploadFile) -> None:
    """Puts the file where the operation holds a null, as the specification wants."""
    *steps, last = path
    target: Any = operation
    try:
        for step in steps:
            target = _at(target, step)
        if _at(target, last) is not None:
            raise TypeError
        target[int(last) if isinstance(target, list) else last] = file
    except (KeyError, IndexError, TypeError, ValueError):
        told = f"The map names '{'.'.join(path)[:100]}', where the operation holds no null for a file."
        raise Refused(400, told) from None


def _at(holder: Any, step: str) -> Any:
    if isinstance(holder, list):
        return holder[int(step)]
    if isinstance(holder, dict):
        return holder[step]
    raise TypeError
