"""What an outside order service is told of orders."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0029"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
