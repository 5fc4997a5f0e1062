"""The first page: what the heads of each job do on this text."""
