"""One option of a field that has several; the library's stubs do not know it yet, which is said here alone."""

from wtforms.fields.choices import SelectChoice as SelectChoice  # type: ignore[attr-defined]  # younger than its stubs
