"""alembic's environment, shared by all services: migrates the connection it is given."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite changes a table by making a new one.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
