"""How pages look: cards, messages, dates and money, safe HTML, QR codes."""
