"""The digest of the code that decides a score; a part of every run's idempotency key."""

import hashlib

from pipeline.project import PACKAGE

# Rooms and modules of `pipeline` on which a score, or the rows that get one, depends. Code elsewhere may change, and a
# score date that is scored again still gives the same run.
DECISIVE = (
    "config",
    "contract",
    "databases",
    "extraction",
    "model",
    "payloads",
    "store",
    "tasks",
    "text_files",
)
# The others: what notifies, shows, measures, keeps and removes.
INDIFFERENT = (
    "__main__",
    "cli",
    "embedded",
    "errors",
    "evaluation",
    "exports",
    "inspection",
    "integrations",
    "maintenance",
    "monitoring",
    "plain_text",
    "project",
    "provisioning",
    "punctuality",
    "recovery",
    "registration",
    "reports",
    "runs",
    "runtime",
    "scaffolding",
    "training",
    "version",
)


def code_version() -> str:
    """Digest of the source of the decisive rooms, whatever their depth: also where there is no git."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE)
        if path.parts[0].removesuffix(".py") in DECISIVE:
            digest.update(path.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
