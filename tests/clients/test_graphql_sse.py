"""graphql-sse in distinct connections mode: each operation a stream of its own, whatever its kind."""

import json
from typing import Any

from client_company import Company
from client_scripts import PATIENCE, needs_node, started

TAG = "mutation ($input: TagCustomerInput!) { tagCustomer(input: $input) { customer { tags } errors { code } } }"
