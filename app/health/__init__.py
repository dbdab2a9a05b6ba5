"""Health of the process and the deployment, for probes, metrics and `muster doctor`."""
