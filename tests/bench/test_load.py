import pytest

from bench.load import BadAnswer, answer_length, request_of


def test_an_answer_is_as_long_as_its_head_and_what_the_head_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1200\r\nDate: now\r\n\r\n"

    assert answer_length(head + b'{"data":') == len(head) + 1200


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-le",
    ],
)
def test_other_answers_are_refused(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer_length(data)


def test_a_request_says_how_long_it_is_and_who_asks() -> None:
    head, _, body = request_of(b'{"query":"{ a }"}', "tok").partition(b"\r\n\r\n")

    assert body == b'{"query":"{ a }"}'
    assert b"Content-Length: 17" in head
    assert b"Authorization: Bearer tok" in head
