"""What the public modules are made of; users import nothing from here."""
