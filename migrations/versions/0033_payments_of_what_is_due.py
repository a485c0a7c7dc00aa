"""Which order a payment is for that is made after the order."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0033"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
