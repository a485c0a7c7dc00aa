"""Alembic's entry: everything is done by `pannier.platform.migrate`, which hands over the URL and the schema."""

from alembic import context

from pannier.platform.migrate import run_online

run_online(context.config)
