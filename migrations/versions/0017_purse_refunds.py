"""What purses paid of orders, and what refunds gave back to them."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
