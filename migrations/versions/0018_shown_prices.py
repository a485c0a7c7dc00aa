"""Gifts and answers of providers that a checkout has shown; the exchange that an order was placed at."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
