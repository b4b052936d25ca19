"""Texts that would end a mail header and begin another: line ends of every kind, folded and bare, plain and encoded."""

INJECTIONS = [
    "a\r\nBcc: evil@x.example",
    "a\nBcc: evil@x.example",
    "a\rBcc: evil@x.example",
    "a\x0bb",
    "a\x00b",
    "a\x85Bcc: evil@x.example",
    "a\u2028Bcc: evil@x.example",
    "a\u202eb",
    "=?utf-8?q?a=0D=0ABcc:_evil@x.example?=",
    "=?",
    "a\r\n\r\n<html>a body of its own",
    "a\r\n Bcc: evil@x.example",
    "a\n\tBcc: evil@x.example",
    "\r\nTo: evil@x.example",
    "a\x0cBcc: evil@x.example",
    "a\x1cBcc: evil@x.example",
    "a\x1eBcc: evil@x.example",
    "a\u2029Bcc: evil@x.example",
    "a\x7fb",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
]
