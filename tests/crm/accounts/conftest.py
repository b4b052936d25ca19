"""People who log in by password need many hashes here; the cheap kind is as right as the dear one."""

import os

os.environ["KITH_PASSWORD_HASHING"] = "fast"
