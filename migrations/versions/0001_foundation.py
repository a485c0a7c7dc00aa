"""Catalogue, stock, carts, checkouts, orders, events and idempotency records."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
