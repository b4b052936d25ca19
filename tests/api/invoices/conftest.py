"""`shop` and `mail`: see tests/invoicing.py."""

from invoicing import mail, shop

__all__ = ["mail", "shop"]
