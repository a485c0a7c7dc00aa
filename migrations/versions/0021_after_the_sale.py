"""What comes after the sale: parcels, refunds, returns, edits."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
