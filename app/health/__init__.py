"""Whether this process and its deployment are well: for probes, for metrics, and for `muster doctor`."""
