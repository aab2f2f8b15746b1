"""What the domain refuses, at the fields of the form that asked for it."""

from __future__ import annotations

from typing import Any

from authserver.errors import Conflict, Invalid


def blame(form: Any, refused: Invalid | Conflict) -> None:
    """Put each sentence at its field, and what is about none at the top of the form."""
    problems = getattr(refused, "problems", None) or ({refused.field: refused.public} if refused.field else {})
    for name, text in problems.items():
        if name in form:
            form[name].errors = [text]
        else:
            form.form_errors.append(text)
    if not form.errors:
        form.form_errors.append(refused.public)
