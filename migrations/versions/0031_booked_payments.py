"""What an order has from each of its payments."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
