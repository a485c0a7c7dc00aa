"""Codes, destination and shipping method on the cart; what a checkout is paid with beside money."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
