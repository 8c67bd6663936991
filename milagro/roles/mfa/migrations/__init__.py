"""The numbered migrations of the database of an MFA server; see `milagro.stores.state.schema`."""
