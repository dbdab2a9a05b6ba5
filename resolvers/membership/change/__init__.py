"""What one write has touched, and the joins and leaves that follow from it."""
