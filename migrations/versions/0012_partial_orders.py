"""Orders fulfilled and canceled in parts, and counts below what is promised."""

from alembic import op

from pannier.platform.migrate import run_down, run_up

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_up(op.get_bind(), revision)


def downgrade() -> None:
    run_down(op.get_bind(), revision)
