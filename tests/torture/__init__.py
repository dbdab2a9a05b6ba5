"""An experiment: real servers are killed while clients write, edit groups and watch. Afterwards nothing is lost or wrong."""
