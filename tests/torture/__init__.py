"""An experiment: real servers are killed while clients write, edit groups and watch; afterwards nothing is lost and nothing is wrong."""
