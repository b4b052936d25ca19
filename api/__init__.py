"""The GraphQL and HTTP door. Decodes, makes one call into `crm`, encodes."""
