"""The site in this process, as the tests of the pages have it."""

from tests.web.conftest import sample, site, visit

__all__ = ["sample", "site", "visit"]
