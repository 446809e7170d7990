"""How well an agent answers what people have signed: measured over time, and before a change of it goes live."""
