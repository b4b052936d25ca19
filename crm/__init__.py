"""The business: tables, rules and services. Knows no GraphQL, HTTP or arq."""
