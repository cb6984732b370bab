"""What prevention is about: first heart attacks, strokes and heart failure by a hazard that follows their risk factors, and the inputs."""
