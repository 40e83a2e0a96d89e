"""What a person, or a program, is told: reports, findings, lines on a terminal, a drawing. Pure."""
