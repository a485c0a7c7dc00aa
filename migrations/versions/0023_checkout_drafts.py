"""What a shopper was typing, and sessions whose time is up."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0023"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
