"""What every room stands on: settings, database, jobs, events, audit, errors, web glue. It knows no room by name."""
