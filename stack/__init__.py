"""Everything on one machine: PostgreSQL, Valkey, a mail catcher, a supervisor, the `kith` command."""
