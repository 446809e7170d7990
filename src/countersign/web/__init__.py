"""What people see: layout, language, pictures, static files, health. Rooms bring their own pages."""
