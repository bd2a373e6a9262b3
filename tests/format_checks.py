"""What the tests of formats look at."""

import io


def notes(source):
    """Check, line and detail of everything that a reader noted."""
    return [(found.check, found.place.line, found.detail) for found in source.findings]


def written(form, records):
    """What a format writes of some Records."""
    file = io.StringIO()
    form.write(iter(records), file)
    return file.getvalue()
