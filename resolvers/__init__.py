"""What happens: batch reads and commands, one module a domain."""
