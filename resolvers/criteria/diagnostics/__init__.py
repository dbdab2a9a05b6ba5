"""Finding criteria that can never or always be true, or say something twice."""
