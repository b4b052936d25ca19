"""Assembles the rooms; nothing else."""

import strawberry
from strawberry.extensions import MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from api.customers.queries import CustomerQuery
from api.errors import USER_ERRORS
from api.executor import Executor
from api.nodes import NodeQuery
from api.scalars import SCALARS
from crm.kernel.settings import settings


@strawberry.type(description="Every read.")
class Query(NodeQuery, CustomerQuery):
    pass


schema = strawberry.Schema(
    Query,
    types=USER_ERRORS,
    extensions=[
        lambda: ParserCache(maxsize=1000),
        lambda: ValidationCache(maxsize=1000),
        lambda: MaxTokensLimiter(settings().max_tokens),
    ],
    config=StrawberryConfig(scalar_map=SCALARS, relay_max_results=100),
    execution_context_class=Executor,
)
