"""What can be wrong with the definition of a table, one class a message; the catalogue translates each."""

from __future__ import annotations

from .models import BadDefinition


class NotADefinition(BadDefinition):
    """A definition is an object with “columns”."""


class NoSuchPart(BadDefinition):
    """A definition has no “%(part)s”: it has columns, primary_key, indexes."""


class OtherKey(BadDefinition):
    """The primary key is “id”; it is made by itself. Mark a column of your own as unique."""


class BadColumns(BadDefinition):
    """“columns” is a list of 1 to %(most)s columns."""


class DoubledColumn(BadDefinition):
    """There are two columns “%(column)s”."""


class NotAColumn(BadDefinition):
    """A column is an object with “name” and “type”."""


class BadName(BadDefinition):
    """The name “%(column)s” is not possible: small letters, digits and _, a letter first, 63 at most."""


class NoSuchProperty(BadDefinition):
    """%(column)s: a column has no “%(part)s”."""


class NoSuchType(BadDefinition):
    """%(column)s: the type is one of string(n), text, integer, decimal(p,s), boolean, date, datetime, json."""


class BadSize(BadDefinition):
    """%(column)s: “%(part)s” is a whole number from %(least)s to %(most)s."""


class NotAFlag(BadDefinition):
    """%(column)s: “%(part)s” is true or false."""


class JsonIndexed(BadDefinition):
    """%(column)s: a json column has no index."""


class BadDefault(BadDefinition):
    """%(column)s: the default %(why)s."""


class ReferenceElsewhere(BadDefinition):
    """%(column)s: a reference is to the id of another table."""


class BadReference(BadDefinition):
    """%(column)s: “references” names another table."""


class ReferenceNotInteger(BadDefinition):
    """%(column)s: a column that refers to another table is an integer."""


class BadIndexes(BadDefinition):
    """“indexes” is a list of lists of columns."""


class BadIndex(BadDefinition):
    """Each of “indexes” is a list of 1 to 8 columns that exist and are not json."""


class UnknownInTemplate(BadDefinition):
    """The template names “%(column)s”, which is no column. There are: %(columns)s."""


class EmptyTemplate(BadDefinition):
    """The template names no column. Write one between two braces on either side."""


class ColumnExists(BadDefinition):
    """There is a column “%(column)s” already."""


class NamedByTemplate(BadDefinition):
    """The template names “%(column)s”. Take it out there first."""


class LastColumn(BadDefinition):
    """A table has at least one column."""
