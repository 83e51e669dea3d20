"""How an operation runs. This room knows no user and no post: it would serve any schema."""
