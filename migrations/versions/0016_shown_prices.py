"""What a line cost its shopper when it was added."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0016"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
