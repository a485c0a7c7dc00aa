"""The commands of `pannier`, a file per family; `pannier.app.cli` puts them together.

A module here imports at its top what it needs to describe itself, and inside its functions what it needs to
work: `pannier --help` answers before FastAPI would be imported.

    terminal.py    what is written where: results, remarks, progress, refusals
    shop.py        settings read, database opened
    errors.py      what a command refuses
"""
