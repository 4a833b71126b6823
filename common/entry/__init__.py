"""From a cloud's event to one plain call and back; no decision about air quality is made here."""
