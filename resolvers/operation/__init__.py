"""What one operation carries: caller, services, loaders and its allowance of points."""
